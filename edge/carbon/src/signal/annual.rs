//! The mean intensity of a country's electricity over a year: what is left when nobody can be asked.

/// Country, grams a kilowatt-hour and year, a line each. See the file for where it comes from.
const TABLE: &str = include_str!("../../data/annual.csv");
/// The world's mean where the country is unknown, g/kWh: IEA, global energy and CO₂ status report 2019.
const WORLD: f64 = 475.0;

/// An annual factor and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Annual {
    /// Grams of CO₂ equivalent a kilowatt-hour.
    pub g_per_kwh: f64,
    /// What people are told about it.
    pub source: String,
}

impl Annual {
    /// A factor from the settings.
    pub fn of_settings(g_per_kwh: f64) -> Self {
        Self { g_per_kwh, source: "the annual factor in the settings".to_owned() }
    }

    /// The factor of a zone, by the country that it begins with (`DE`, `DK1`, `DK-DK1`, `US-CAL-CISO`); the world's where that
    /// is none in the table.
    pub fn of_zone(zone: &str) -> Self {
        match annual_factor(zone) {
            Some((g_per_kwh, year)) => {
                let country = country_of(zone);
                Self { g_per_kwh, source: format!("the mean of {country} in {year}") }
            }
            None => Self { g_per_kwh: WORLD, source: format!("the world's mean of 2018, as {zone:?} is in no table") },
        }
    }
}

/// Grams of CO₂ equivalent a kilowatt-hour over a year in the country of a zone, and the year.
fn annual_factor(zone: &str) -> Option<(f64, u16)> {
    let country = country_of(zone);
    let line = TABLE.lines().find(|line| line.split(',').next() == Some(country))?;
    let mut fields = line.split(',').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn country_of(zone: &str) -> &str {
    zone.split(['-', '_']).next().unwrap_or(zone).trim_end_matches(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_factor_of_its_country() {
        let (denmark, year) = annual_factor("DK").unwrap();
        assert!((50.0..400.0).contains(&denmark) && year > 2015, "{denmark} in {year}");
        assert_eq!(annual_factor("DK-DK1"), annual_factor("DK"));
        assert_eq!(annual_factor("DK1"), annual_factor("DK"));
        assert!(Annual::of_zone("DK-DK1").source.contains("DK in"));
    }

    #[test]
    fn an_unknown_zone_has_the_world_s() {
        assert_eq!(Annual::of_zone("CAISO_NORTH").g_per_kwh, WORLD);
        assert_eq!(annual_factor(""), None);
        assert_eq!(annual_factor("#"), None);
    }

    #[test]
    fn every_line_of_the_table_can_be_read() {
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1).collect();
        assert!(lines.len() > 100);
        for line in lines {
            let country = line.split(',').next().unwrap();
            let (grams, year) = annual_factor(country).unwrap_or_else(|| panic!("{line}"));
            assert!(country.len() == 2 && (0.0..1500.0).contains(&grams) && year > 2000, "{line}");
        }
    }
}
