"""Writes edge/carbon/data/annual.csv from the table of PyPI's codecarbon (which takes it from Our World in Data and Ember)."""

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

import pycountry


def main() -> None:
    package = Path(importlib.util.find_spec("codecarbon").submodule_search_locations[0])
    mix = json.loads((package / "data/private_infra/global_energy_mix.json").read_text())
    lines = []
    for code, country in mix.items():
        known = pycountry.countries.get(alpha_3=code)
        grams = country.get("carbon_intensity")
        if known and grams:
            lines.append(f"{known.alpha_2},{grams:.0f},{country['year']}\n")
    version = importlib.metadata.version("codecarbon")
    sys.stdout.write(
        "# Grams of CO2 equivalent a kilowatt-hour over a year, life cycle. From codecarbon "
        f"{version} (MIT), which has it from\n"
        "# Our World in Data and Ember (CC BY 4.0). Made by benches/carbon/annual.py.\n"
        "country,g_per_kwh,year\n"
    )
    sys.stdout.writelines(sorted(lines))


if __name__ == "__main__":
    main()
