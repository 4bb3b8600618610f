//! The XML of ENTSO-E: a generation document by type, or the acknowledgement that there is none.
//!
//! A document has a series a type, in one or more periods with a resolution of their own. A point holds for one step of
//! its resolution; with curve type A03 a step that is left out has the value of the one before. Series that go out of
//! an area are consumption of storage and are left alone.

use std::collections::{BTreeMap, BTreeSet};

use roxmltree::Node;

use super::super::factors::factor_g_per_kwh;
use crate::time::{HOUR_MS, parse_ms};

/// All resolutions are multiples of it.
const SLOT_MS: i64 = 15 * 60 * 1000;
/// No answer to a question about two days has more steps in a period: a week of quarters.
const SLOTS_MAX: i64 = 7 * 24 * 4;
/// A type that ended so long before the others is not late, it is over.
const LATE_MS: i64 = 6 * HOUR_MS;

/// What came.
pub(super) enum Document {
    /// What was generated.
    Generation(Generation),
    /// There is nothing, and why.
    Nothing { reason: String },
}

/// What was generated.
#[derive(Default)]
pub(super) struct Generation {
    /// The areas that it is about.
    pub(super) areas: BTreeSet<String>,
    /// By type and quarter (milliseconds since the epoch), megawatts.
    by_type: BTreeMap<String, BTreeMap<i64, f64>>,
}

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    /// It is no XML.
    #[error("no XML: {0}")]
    Xml(#[from] roxmltree::Error),
    /// It is some other document.
    #[error("a document {0:?}")]
    Other(String),
    /// An element is not there or has no sense.
    #[error("the element {0} is missing or wrong")]
    Element(&'static str),
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, DocumentError> {
        let tree = roxmltree::Document::parse(text)?;
        let root = tree.root_element();
        match root.tag_name().name() {
            "GL_MarketDocument" => {
                let mut generation = Generation::default();
                for series in children(root, "TimeSeries") {
                    generation.add(series)?;
                }
                Ok(Self::Generation(generation))
            }
            "Acknowledgement_MarketDocument" => {
                let reasons = children(root, "Reason").map(|reason| {
                    let part = |name| text_of(reason, name).unwrap_or_default();
                    format!("{} {}", part("code"), part("text"))
                });
                Ok(Self::Nothing { reason: reasons.collect::<Vec<_>>().join("; ") })
            }
            other => Err(DocumentError::Other(other.to_owned())),
        }
    }
}

impl Generation {
    fn add(&mut self, series: Node<'_, '_>) -> Result<(), DocumentError> {
        // Without an area that it goes into it is what storage takes.
        let Some(area) = text_of(series, "inBiddingZone_Domain.mRID") else { return Ok(()) };
        self.areas.insert(area.to_owned());
        let kind = children(series, "MktPSRType").next().and_then(|kind| text_of(kind, "psrType"));
        let kind = kind.ok_or(DocumentError::Element("psrType"))?.to_owned();
        let holds = text_of(series, "curveType") == Some("A03");
        let by_slot = self.by_type.entry(kind).or_default();
        for period in children(series, "Period") {
            add_period(by_slot, period, holds)?;
        }
        Ok(())
    }

    /// Grams a kilowatt-hour of the mix by quarter, up to now, as far as no type is late; equal neighbours are one
    /// point.
    pub(super) fn intensities(&self, now_ms: i64) -> Vec<(i64, f64)> {
        let known = || self.by_type.iter().filter_map(|(kind, slots)| Some((factor_g_per_kwh(kind)?, slots)));
        let lasts = || known().filter_map(|(_, slots)| slots.last_key_value().map(|(at_ms, _)| *at_ms));
        let Some(newest) = lasts().max() else { return Vec::new() };
        let whole = lasts().filter(|last| newest - last <= LATE_MS).min().unwrap_or(newest).min(now_ms);
        let mut totals: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for (factor, slots) in known() {
            for (at_ms, megawatts) in slots.range(..=whole) {
                let total = totals.entry(*at_ms).or_default();
                total.0 += factor * megawatts.max(0.0);
                total.1 += megawatts.max(0.0);
            }
        }
        let generating = totals.into_iter().filter(|(_, (_, megawatts))| *megawatts > 0.0);
        let mut points: Vec<(i64, f64)> = generating.map(|(at_ms, (grams, mw))| (at_ms, grams / mw)).collect();
        points.dedup_by(|next, before| next.1 == before.1 && next.0 - before.0 < HOUR_MS);
        points
    }
}

fn add_period(by_slot: &mut BTreeMap<i64, f64>, period: Node<'_, '_>, holds: bool) -> Result<(), DocumentError> {
    let interval = children(period, "timeInterval").next().ok_or(DocumentError::Element("timeInterval"))?;
    let bound = |name| text_of(interval, name).and_then(parse_ms);
    let start = bound("start").ok_or(DocumentError::Element("start"))?;
    let end = bound("end").ok_or(DocumentError::Element("end"))?;
    let step = match text_of(period, "resolution") {
        Some("PT15M") => SLOT_MS,
        Some("PT30M") => 2 * SLOT_MS,
        Some("PT60M" | "PT1H") => 4 * SLOT_MS,
        _ => return Err(DocumentError::Element("resolution")),
    };
    if !(0..=SLOTS_MAX * SLOT_MS).contains(&end.saturating_sub(start)) {
        return Err(DocumentError::Element("timeInterval"));
    }
    let mut values = BTreeMap::new();
    for point in children(period, "Point") {
        let position: Option<i64> = text_of(point, "position").and_then(|text| text.parse().ok());
        let position = position.filter(|position| (1..=SLOTS_MAX).contains(position));
        let quantity: Option<f64> = text_of(point, "quantity").and_then(|text| text.parse().ok());
        let quantity = quantity.filter(|quantity| quantity.is_finite()).ok_or(DocumentError::Element("quantity"))?;
        values.insert(position.ok_or(DocumentError::Element("position"))? - 1, quantity);
    }
    let mut held = None;
    for position in 0..(end - start) / step {
        let value = values.get(&position).copied();
        held = value.or(held.filter(|_| holds));
        let Some(megawatts) = held else { continue };
        for slot in 0..step / SLOT_MS {
            by_slot.insert(start + position * step + slot * SLOT_MS, megawatts);
        }
    }
    Ok(())
}

fn children<'a, 'input: 'a>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn text_of<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    children(node, name).next().and_then(|child| child.text()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: &str = "<start>1970-01-01T00:00Z</start><end>1970-01-01T01:00Z</end>";

    fn series(
        kind: &str,
        domain: &str,
        curve: &str,
        interval: &str,
        resolution: &str,
        points: &[(u32, f64)],
    ) -> String {
        let points: String = points
            .iter()
            .map(|(at, value)| format!("<Point><position>{at}</position><quantity>{value}</quantity></Point>"))
            .collect();
        format!(
            "<TimeSeries><{domain}.mRID codingScheme=\"A01\">X</{domain}.mRID><curveType>{curve}</curveType>\
             <MktPSRType><psrType>{kind}</psrType></MktPSRType><Period><timeInterval>{interval}</timeInterval>\
             <resolution>{resolution}</resolution>{points}</Period></TimeSeries>"
        )
    }

    fn intensities(all: &[String], now_ms: i64) -> Vec<(i64, f64)> {
        let text = format!("<GL_MarketDocument xmlns=\"urn:iec:gl:3:0\">{}</GL_MarketDocument>", all.concat());
        match Document::parse(&text).unwrap() {
            Document::Generation(generation) => generation.intensities(now_ms),
            Document::Nothing { reason } => panic!("{reason}"),
        }
    }

    const IN: &str = "inBiddingZone_Domain";

    #[test]
    fn grams_are_weighed_by_what_is_generated() {
        let half = [
            series("B05", IN, "A01", HOUR, "PT60M", &[(1, 300.0)]),
            series("B14", IN, "A01", HOUR, "PT60M", &[(1, 100.0)]),
        ];
        assert_eq!(intensities(&half, HOUR_MS), [(0, (3.0 * 820.0 + 12.0) / 4.0)]);
    }

    #[test]
    fn types_of_several_resolutions_meet_in_quarters() {
        let mixed = [
            series("B05", IN, "A01", HOUR, "PT15M", &[(1, 100.0), (2, 0.0), (3, 100.0), (4, 100.0)]),
            series("B14", IN, "A01", HOUR, "PT30M", &[(1, 100.0), (2, 0.0)]),
        ];
        assert_eq!(intensities(&mixed, HOUR_MS), [(0, 416.0), (SLOT_MS, 12.0), (2 * SLOT_MS, 820.0)]);
    }

    #[test]
    fn a_step_left_out_holds_the_one_before_under_a03_only() {
        let gap = |curve| {
            [
                series("B05", IN, curve, HOUR, "PT15M", &[(1, 100.0), (4, 300.0)]),
                series("B14", IN, "A01", HOUR, "PT60M", &[(1, 100.0)]),
            ]
        };
        assert_eq!(intensities(&gap("A03"), HOUR_MS), [(0, 416.0), (3 * SLOT_MS, 618.0)]);
        assert_eq!(intensities(&gap("A01"), HOUR_MS), [(0, 416.0), (SLOT_MS, 12.0), (3 * SLOT_MS, 618.0)]);
    }

    #[test]
    fn what_storage_takes_and_gives_is_left_alone() {
        let storage = [
            series("B14", IN, "A01", HOUR, "PT60M", &[(1, 100.0)]),
            series("B10", IN, "A01", HOUR, "PT60M", &[(1, 900.0)]),
            series("B05", "outBiddingZone_Domain", "A01", HOUR, "PT60M", &[(1, 900.0)]),
        ];
        assert_eq!(intensities(&storage, HOUR_MS), [(0, 12.0)]);
    }

    #[test]
    fn a_type_that_is_late_holds_the_mix_back() {
        let late = [
            series("B14", IN, "A01", HOUR, "PT15M", &[(1, 100.0), (2, 100.0), (3, 100.0), (4, 100.0)]),
            series("B05", IN, "A01", HOUR, "PT15M", &[(1, 100.0), (2, 100.0)]),
        ];
        assert_eq!(intensities(&late, HOUR_MS), [(0, 416.0)], "after the second quarter only nuclear is known");
    }

    #[test]
    fn what_is_no_such_document_is_said() {
        let error = |text: &str| Document::parse(text).err().unwrap().to_string();
        assert!(error("<html>").contains("no XML"));
        assert_eq!(error("<html/>"), "a document \"html\"");
        let wrong = series("B14", IN, "A01", HOUR, "P1Y", &[]);
        assert_eq!(
            error(&format!("<GL_MarketDocument>{wrong}</GL_MarketDocument>")),
            "the element resolution is missing or wrong"
        );
        let huge = series("B14", IN, "A03", HOUR, "PT15M", &[(4_000_000_000, 1.0)]);
        assert!(error(&format!("<GL_MarketDocument>{huge}</GL_MarketDocument>")).contains("position"));
    }
}
