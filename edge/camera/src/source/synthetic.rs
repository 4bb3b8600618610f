//! A camera that is drawn: blocks that move over a grey ramp, each frame a function of its number, so that a test
//! knows what is in it.

use super::{CameraError, Picture, Recording};

/// Colours of the blocks, red, green and blue of each.
const COLOURS: [[u8; 3]; 3] = [[220, 40, 40], [40, 200, 60], [40, 80, 230]];

/// Where a block is: left and top inclusive, right and bottom exclusive, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Left edge.
    pub x1: u32,
    /// Top edge.
    pub y1: u32,
    /// Right edge.
    pub x2: u32,
    /// Bottom edge.
    pub y2: u32,
}

/// Moving blocks, with the truth about them.
pub struct SyntheticScene {
    width: u32,
    height: u32,
    frames: Option<u64>,
    next: u64,
}

impl SyntheticScene {
    /// A scene of this size in pixels, at least 16 each way, without an end.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width: width.max(16), height: height.max(16), frames: None, next: 0 }
    }

    /// The scene with an end after so many frames.
    pub fn ending_after(self, frames: Option<u64>) -> Self {
        Self { frames, ..self }
    }

    /// Where the blocks are in a frame. They move at different speeds and come back at the edges.
    pub fn truth(&self, frame: u64) -> Vec<Block> {
        let (block_width, block_height) = (self.width / 8, self.height / 4);
        let block = |index: u64| {
            let x1 = bounce(frame * (index + 1) * 2 + index * 50, self.width - block_width);
            let y1 = bounce(frame + index * 90, self.height - block_height);
            Block { x1, y1, x2: x1 + block_width, y2: y1 + block_height }
        };
        (0..COLOURS.len() as u64).map(block).collect()
    }

    fn draw(&self, frame: u64) -> Picture {
        let width = self.width as usize;
        let grey = |x: usize| [(40 + x * 120 / width) as u8; 3];
        let mut pixels: Vec<u8> = (0..width).flat_map(grey).collect();
        pixels = pixels.repeat(self.height as usize);
        for (block, colour) in self.truth(frame).into_iter().zip(COLOURS) {
            for row in pixels.chunks_exact_mut(width * 3).take(block.y2 as usize).skip(block.y1 as usize) {
                let across = row.chunks_exact_mut(3).take(block.x2 as usize).skip(block.x1 as usize);
                across.for_each(|pixel| pixel.copy_from_slice(&colour));
            }
        }
        Picture { width: self.width, height: self.height, pixels }
    }
}

/// A way travelled between 0 and `range`, turning at both ends.
fn bounce(way: u64, range: u32) -> u32 {
    let range = u64::from(range.max(1));
    let along = way % (2 * range);
    along.min(2 * range - along) as u32
}

impl Recording for SyntheticScene {
    fn next_frame(&mut self) -> Result<Option<Picture>, CameraError> {
        if self.frames.is_some_and(|frames| self.next >= frames) {
            return Ok(None);
        }
        let picture = self.draw(self.next);
        self.next += 1;
        Ok(Some(picture))
    }

    fn rewind(&mut self) -> Result<(), CameraError> {
        self.next = 0;
        Ok(())
    }

    fn fps(&self) -> f64 {
        10.0
    }

    fn frame_count(&self) -> Option<u64> {
        self.frames
    }
}
