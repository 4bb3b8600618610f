//! A frame with the boxes of what was seen in it, for people to look at.

use std::io;
use std::path::Path;

use headwater_camera::Picture;
use headwater_detector::{ClassId, Detection};
use image::{ImageError, Rgb, RgbImage};

use super::CommandError;

/// Lines are this thick, pixels.
const THICKNESS: u32 = 2;
const PERSON: Rgb<u8> = Rgb([0, 230, 70]);
const THING: Rgb<u8> = Rgb([255, 160, 0]);

/// Writes `frame-000012.png` into a folder: the frame with a box around each detection, people green, things orange.
pub(super) fn save(
    folder: &Path,
    number: u64,
    picture: &Picture,
    detections: &[Detection],
) -> Result<(), CommandError> {
    let path = folder.join(format!("frame-{number:06}.png"));
    let pixels = picture.pixels.clone();
    let Some(mut image) = RgbImage::from_raw(picture.width, picture.height, pixels) else {
        let source = io::Error::new(io::ErrorKind::InvalidData, "the frame has not the bytes of its size");
        return Err(CommandError::Save { path, source });
    };
    detections.iter().for_each(|detection| draw(&mut image, detection));
    image.save(&path).map_err(|error| {
        let source = match error {
            ImageError::IoError(source) => source,
            other => io::Error::other(other),
        };
        CommandError::Save { path, source }
    })
}

fn draw(image: &mut RgbImage, detection: &Detection) {
    let colour = if detection.class == ClassId::PERSON { PERSON } else { THING };
    let (width, height) = image.dimensions();
    let pixel = |edge: f32, size: u32| (edge.max(0.0) as u32).min(size.saturating_sub(1));
    let (left, right) = (pixel(detection.x1, width), pixel(detection.x2, width));
    let (top, bottom) = (pixel(detection.y1, height), pixel(detection.y2, height));
    for y in top..=bottom {
        for x in left..=right {
            let edge = (x - left).min(right - x).min(y - top).min(bottom - y);
            if edge < THICKNESS {
                image.put_pixel(x, y, colour);
            }
        }
    }
}
