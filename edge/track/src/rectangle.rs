//! Boxes and how much of each other they cover.

/// A box in pixels; `x1 < x2` and `y1 < y2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rectangle {
    pub(crate) x1: f32,
    pub(crate) y1: f32,
    pub(crate) x2: f32,
    pub(crate) y2: f32,
}

impl Rectangle {
    pub(crate) fn around(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x1: x - 0.5 * width, y1: y - 0.5 * height, x2: x + 0.5 * width, y2: y + 0.5 * height }
    }

    pub(crate) fn width(&self) -> f32 {
        self.x2 - self.x1
    }

    pub(crate) fn height(&self) -> f32 {
        self.y2 - self.y1
    }

    pub(crate) fn area(&self) -> f32 {
        self.width() * self.height()
    }

    pub(crate) fn centre(&self) -> [f32; 2] {
        [0.5 * (self.x1 + self.x2), 0.5 * (self.y1 + self.y2)]
    }

    /// The middle of the lower edge.
    pub(crate) fn foot(&self) -> [f32; 2] {
        [0.5 * (self.x1 + self.x2), self.y2]
    }

    /// Larger by these margins on each side.
    pub(crate) fn widened(&self, [x, y]: [f32; 2]) -> Self {
        Self { x1: self.x1 - x, y1: self.y1 - y, x2: self.x2 + x, y2: self.y2 + y }
    }

    fn shared_area(&self, other: &Self) -> f32 {
        let width = self.x2.min(other.x2) - self.x1.max(other.x1);
        let height = self.y2.min(other.y2) - self.y1.max(other.y1);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0 to 1.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        let shared = self.shared_area(other);
        shared / (self.area() + other.area() - shared)
    }

    /// How much of the smaller box lies in the larger, 0 to 1.
    pub(crate) fn cover(&self, other: &Self) -> f32 {
        self.shared_area(other) / self.area().min(other.area())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_and_cover_are_what_counting_squares_gives() {
        let square = |x: f32, y: f32, side: f32| Rectangle { x1: x, y1: y, x2: x + side, y2: y + side };
        let cases = [
            (square(0.0, 0.0, 2.0), square(1.0, 1.0, 2.0), 1.0 / 7.0, 0.25),
            (square(0.0, 0.0, 4.0), square(1.0, 1.0, 2.0), 0.25, 1.0),
            (square(0.0, 0.0, 2.0), square(2.0, 0.0, 2.0), 0.0, 0.0),
            (square(0.0, 0.0, 2.0), square(5.0, 5.0, 1.0), 0.0, 0.0),
            (square(3.0, 4.0, 2.0), square(3.0, 4.0, 2.0), 1.0, 1.0),
        ];
        for (a, b, overlap, cover) in cases {
            assert!((a.overlap(&b) - overlap).abs() < 1e-6 && (b.overlap(&a) - overlap).abs() < 1e-6);
            assert!((a.cover(&b) - cover).abs() < 1e-6 && (b.cover(&a) - cover).abs() < 1e-6);
        }
    }
}
