"""Grams of CO2 equivalent over the life cycle for a kilowatt-hour of each type of generation that ENTSO-E publishes.

The same numbers as `edge/carbon/src/signal/factors.rs`, which says where each comes from; `check_rust` holds the two
together. A type that is None is left out of the mix: what pumped storage gives back was counted when it was generated, and
what nobody names has the mean of the rest.
"""

import re
from pathlib import Path

FACTORS_G_PER_KWH = {
    "Biomass": 230,
    "Fossil Brown coal/Lignite": 820,
    "Fossil Coal-derived gas": 820,
    "Fossil Gas": 490,
    "Fossil Hard coal": 820,
    "Fossil Oil": 816,
    "Fossil Oil shale": 816,
    "Fossil Peat": 820,
    "Geothermal": 38,
    "Hydro Pumped Storage": None,
    "Hydro Run-of-river and poundage": 24,
    "Hydro Water Reservoir": 24,
    "Marine": 17,
    "Nuclear": 12,
    "Other renewable": None,
    "Solar": 48,
    "Waste": 230,
    "Wind Offshore": 12,
    "Wind Onshore": 11,
    "Other": None,
}


def check_rust(path: Path) -> None:
    """Fails unless the table in the crate says the same."""
    row = re.compile(r'\("(B\d\d)", "([^"]+)", (None|Some\((\d+)\.0\))\)')
    found = {name: int(grams) if grams else None for _, name, _, grams in row.findall(path.read_text())}
    found.pop("Energy storage", None)
    if found != FACTORS_G_PER_KWH:
        wrong = {name for name in found.keys() | FACTORS_G_PER_KWH if found.get(name, 0) != FACTORS_G_PER_KWH.get(name, 0)}
        raise SystemExit(f"{path} and {__file__} differ about {sorted(wrong)}")
