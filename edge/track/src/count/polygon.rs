//! Points, sides and polygons in the plane.

pub(crate) type Point = [f32; 2];

/// Grid lines a side that are tried to find how deep a polygon is.
const DEPTH_GRID: usize = 24;

/// Twice the area of the triangle: above zero where `c` lies to the right of the way from `a` to `b`, with y downwards.
pub(crate) fn turn(a: Point, b: Point, c: Point) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// How far a point is from a side.
pub(crate) fn distance_to_side(point: Point, a: Point, b: Point) -> f32 {
    let along = [b[0] - a[0], b[1] - a[1]];
    let length_squared = along[0] * along[0] + along[1] * along[1];
    let share = ((point[0] - a[0]) * along[0] + (point[1] - a[1]) * along[1]) / length_squared;
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    (point[0] - a[0] - share * along[0]).hypot(point[1] - a[1] - share * along[1])
}

/// Whether two sides share a point.
pub(crate) fn sides_meet(a: Point, b: Point, c: Point, d: Point) -> bool {
    let (c_side, d_side) = (turn(a, b, c), turn(a, b, d));
    let (a_side, b_side) = (turn(c, d, a), turn(c, d, b));
    let apart = |x: f32, y: f32| (x > 0.0 && y > 0.0) || (x < 0.0 && y < 0.0);
    if apart(c_side, d_side) || apart(a_side, b_side) {
        return false;
    }
    // What is left meets, unless all four points are on one line; then their reach on both axes tells.
    let reach = |p: Point, q: Point, axis: usize| (p[axis].min(q[axis]), p[axis].max(q[axis]));
    (0..2).all(|axis| {
        let ((from, to), (other_from, other_to)) = (reach(a, b, axis), reach(c, d, axis));
        from <= other_to && other_from <= to
    })
}

/// A polygon without crossing sides.
#[derive(Debug, Clone)]
pub(crate) struct Polygon {
    corners: Vec<Point>,
    /// The greatest distance of a point in it from its border, nearly.
    depth: f32,
}

impl Polygon {
    pub(crate) fn new(corners: Vec<Point>) -> Self {
        let mut polygon = Self { corners, depth: 0.0 };
        polygon.depth = polygon.deepest();
        polygon
    }

    pub(crate) fn depth(&self) -> f32 {
        self.depth
    }

    pub(crate) fn sides(corners: &[Point]) -> impl Iterator<Item = (Point, Point)> {
        corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
    }

    /// Whether a ray from the point crosses the border an odd number of times.
    pub(crate) fn contains(&self, [x, y]: Point) -> bool {
        let mut inside = false;
        for ([ax, ay], [bx, by]) in Self::sides(&self.corners) {
            if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
                inside = !inside;
            }
        }
        inside
    }

    /// How far the point is from the border: above zero inside, below outside.
    pub(crate) fn inwards(&self, point: Point) -> f32 {
        let to_side = |(a, b): (Point, Point)| distance_to_side(point, a, b);
        let distance = Self::sides(&self.corners).map(to_side).fold(f32::INFINITY, f32::min);
        if self.contains(point) { distance } else { -distance }
    }

    fn deepest(&self) -> f32 {
        let reach = |axis: usize| {
            let values = self.corners.iter().map(|corner| corner[axis]);
            (values.clone().fold(f32::INFINITY, f32::min), values.fold(f32::NEG_INFINITY, f32::max))
        };
        let ((left, right), (top, bottom)) = (reach(0), reach(1));
        let step = |index: usize, from: f32, to: f32| from + (to - from) * (index as f32 + 0.5) / DEPTH_GRID as f32;
        let grid = (0..DEPTH_GRID * DEPTH_GRID)
            .map(|cell| [step(cell % DEPTH_GRID, left, right), step(cell / DEPTH_GRID, top, bottom)]);
        grid.map(|point| self.inwards(point)).fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests;
