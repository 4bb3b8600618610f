//! Inside and outside against another definition of it, and distances worked out by hand.

use proptest::prelude::*;

use super::*;

/// Inside is where the border winds around the point: the sum of the angles under which its sides are seen.
fn winds_around(corners: &[Point], [x, y]: Point) -> bool {
    let angle = |([ax, ay], [bx, by]): (Point, Point)| {
        let [ax, ay, bx, by] = [ax - x, ay - y, bx - x, by - y].map(f64::from);
        (ax * by - ay * bx).atan2(ax * bx + ay * by)
    };
    Polygon::sides(corners).map(angle).sum::<f64>().abs() > std::f64::consts::PI
}

/// A star around the middle: never crosses itself.
fn star() -> impl Strategy<Value = Vec<Point>> {
    prop::collection::vec(0.05_f32..0.5, 3..12).prop_map(|radii| {
        let count = radii.len() as f32;
        let corner = |(index, radius): (usize, &f32)| {
            let angle = std::f32::consts::TAU * index as f32 / count;
            [0.5 + radius * angle.cos(), 0.5 + radius * angle.sin()]
        };
        radii.iter().enumerate().map(corner).collect()
    })
}

proptest! {
    #[test]
    fn a_point_is_inside_where_the_border_winds_around_it(corners in star(), x in 0.0_f32..1.0, y in 0.0_f32..1.0) {
        let polygon = Polygon::new(corners.clone());
        // On the border itself either answer is right.
        prop_assume!(polygon.inwards([x, y]).abs() > 1e-4);
        prop_assert_eq!(polygon.contains([x, y]), winds_around(&corners, [x, y]));
    }

    #[test]
    fn no_point_is_deeper_than_the_depth_by_more_than_a_cell(corners in star(), x in 0.0_f32..1.0, y in 0.0_f32..1.0) {
        let polygon = Polygon::new(corners);
        prop_assert!(polygon.inwards([x, y]) <= polygon.depth() + 1.5 / DEPTH_GRID as f32);
    }
}

#[test]
fn distances_to_a_square_are_known() {
    let square = Polygon::new(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]);
    for (point, expected) in [([0.5, 0.5], 0.5), ([0.9, 0.5], 0.1), ([1.3, 0.5], -0.3), ([1.3, 1.4], -0.5)] {
        assert!((square.inwards(point) - expected).abs() < 1e-6, "{point:?}");
    }
    assert!((square.depth() - 0.5).abs() < 0.03);
}

#[test]
fn sides_meet_where_they_cross_touch_or_lie_on_each_other() {
    let meet = |c: Point, d: Point| sides_meet([0.0, 0.0], [1.0, 0.0], c, d);
    assert!(meet([0.5, -0.5], [0.5, 0.5]));
    assert!(meet([0.5, 0.0], [0.5, 0.5]));
    assert!(meet([0.5, 0.0], [2.0, 0.0]));
    assert!(!meet([0.0, 0.1], [1.0, 0.1]));
    assert!(!meet([1.1, 0.0], [2.0, 0.0]));
    assert!(!meet([2.0, -1.0], [2.0, 1.0]));
}
