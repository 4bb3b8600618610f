//! Every way in which a zone or a line can be none, and what is said of it.

use super::*;

const A: Point = [0.1, 0.1];
const B: Point = [0.9, 0.1];
const C: Point = [0.9, 0.9];
const D: Point = [0.1, 0.9];

fn zone(polygon: &[Point]) -> Zone {
    Zone { name: "shop".into(), polygon: polygon.to_vec(), classes: vec![] }
}

fn line(from: Point, to: Point) -> Line {
    Line { name: "door".into(), from, to, classes: vec![] }
}

fn said(zones: &[Zone], lines: &[Line]) -> String {
    validate(zones, lines).unwrap_err().to_string()
}

#[test]
fn polygons_either_way_around_and_with_a_corner_on_a_side_are_zones() {
    assert_eq!(validate(&[zone(&[A, B, C, D])], &[]), Ok(()));
    assert_eq!(validate(&[zone(&[D, C, B, A])], &[]), Ok(()));
    assert_eq!(validate(&[zone(&[A, [0.5, 0.1], B, C, D])], &[]), Ok(()));
    assert_eq!(validate(&[zone(&[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])], &[]), Ok(()));
}

#[test]
fn a_polygon_that_is_none_is_named_with_what_is_wrong() {
    assert!(said(&[zone(&[A, B])], &[]).contains("\"shop\" has 2 corners"));
    assert!(said(&[zone(&[A; 65])], &[]).contains("65"));
    assert!(said(&[zone(&[A, C, B, D])], &[]).contains("sides from corner 0 and from corner 2 meet"));
    assert!(said(&[zone(&[A, B, B, C])], &[]).contains("crosses itself"));
    assert!(said(&[zone(&[A, A, B, C])], &[]).contains("crosses itself"));
    assert!(said(&[zone(&[A, B, C, B, D])], &[]).contains("crosses itself"));
    assert!(said(&[zone(&[A, [0.5, 0.5], C])], &[]).contains("no area"));
    assert!(said(&[zone(&[A, B, [1.1, 0.5]])], &[]).contains("(1.1, 0.5)"));
    assert!(said(&[zone(&[A, B, [f32::NAN, 0.5]])], &[]).contains("NaN"));
}

#[test]
fn names_are_there_and_unique_and_not_too_many() {
    assert!(said(&[zone(&[A, B, C]), zone(&[A, B, D])], &[]).contains("two zones are named \"shop\""));
    assert!(said(&[], &[line(A, B), line(A, C)]).contains("two lines are named \"door\""));
    assert!(said(&[Zone { name: String::new(), ..zone(&[A, B, C]) }], &[]).contains("a zone has no name"));
    let many: Vec<Zone> = (0..65).map(|i| Zone { name: i.to_string(), ..zone(&[A, B, C]) }).collect();
    assert!(said(&many, &[]).contains("65 zones"));
}

#[test]
fn a_line_that_is_none_is_named_with_what_is_wrong() {
    assert_eq!(validate(&[], &[line([0.0, 0.0], [1.0, 1.0])]), Ok(()));
    assert!(said(&[], &[line(A, A)]).contains("\"door\" has no length"));
    assert!(said(&[], &[line(A, [0.2, -0.3])]).contains("line \"door\": the point (0.2, -0.3)"));
}
