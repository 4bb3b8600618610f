//! What happens to each frame between its camera and the board: it is seen from afar, its areas are blanked, and it is
//! decided whether it is worth a detection. Time is an argument.

use crate::glance::{COLUMNS, Glance, ROWS};
use crate::health::{Health, HealthOptions, HealthWatch};
use crate::mask::{Mask, Polygon};
use crate::motion::{Motion, MotionGate, MotionOptions};
use crate::thumbnail::{self, ThumbnailOptions};
use crate::{CameraError, Picture};

/// How a camera's frames are looked at before detection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SightOptions {
    /// Areas that are blanked.
    pub masks: Vec<Polygon>,
    /// The motion gate; every frame passes where there is none.
    pub motion: Option<MotionOptions>,
    /// When a picture is no good sign; nothing looks where it is not said.
    pub health: Option<HealthOptions>,
    /// Thumbnails for people.
    pub thumbnail: ThumbnailOptions,
}

/// One camera's frames, as they go by.
pub struct Sight {
    mask: Mask,
    /// Cells in which movement counts for nothing.
    ignored: Vec<bool>,
    motion: Option<MotionGate>,
    health: Option<HealthWatch>,
    thumbnail: ThumbnailOptions,
    thumbnail_ms: Option<u64>,
}

/// What was seen in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether it moves; nothing where there is no gate.
    pub motion: Option<Motion>,
    /// How the picture is.
    pub health: Health,
}

impl Sight {
    /// A sight that has seen nothing.
    ///
    /// # Errors
    /// [`CameraError::Mask`] when an area is no polygon.
    pub fn new(options: &SightOptions) -> Result<Self, CameraError> {
        let mask = Mask::new(&options.masks).map_err(|source| CameraError::Mask { source })?;
        Ok(Self {
            ignored: mask.cells(COLUMNS, ROWS),
            mask,
            motion: options.motion.map(MotionGate::new),
            health: options.health.map(HealthWatch::new),
            thumbnail: options.thumbnail,
            thumbnail_ms: None,
        })
    }

    /// Looks at the next frame and blanks its areas. What its health is, is seen before they are blanked: a large mask
    /// is no covered camera.
    pub fn see(&mut self, picture: &mut Picture, now_ms: u64) -> Seen {
        let mut seen = Seen { motion: None, health: Health::default() };
        if self.motion.is_some() || self.health.is_some() {
            let glance = Glance::of(picture);
            seen.health = self.health.as_mut().map(|health| health.look(&glance, now_ms)).unwrap_or_default();
            seen.motion = self.motion.as_mut().map(|gate| gate.decide(&glance, &self.ignored, now_ms));
        }
        self.mask.blank(picture);
        seen
    }

    /// The thumbnail of a frame whose areas are blanked, where one is due.
    ///
    /// # Errors
    /// [`CameraError::Thumbnail`] when it cannot be encoded.
    pub fn thumbnail(&mut self, picture: &Picture, now_ms: u64) -> Result<Option<Vec<u8>>, CameraError> {
        let is_fresh = |made_ms: u64| now_ms.saturating_sub(made_ms) < self.thumbnail.interval_ms;
        if !self.thumbnail.enabled || self.thumbnail_ms.is_some_and(is_fresh) {
            return Ok(None);
        }
        self.thumbnail_ms = Some(now_ms);
        thumbnail::jpeg(picture, &self.thumbnail).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(level: u8) -> Picture {
        Picture { width: 96, height: 72, pixels: vec![level; 96 * 72 * 3] }
    }

    #[test]
    fn the_areas_are_black_and_are_neither_motion_nor_darkness() {
        let everything = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        // Black after blanking, and covered by no definition: only the pixels before blanking may be looked at.
        let health = HealthOptions { dark_after_ms: 1, flat_levels: -1.0, ..HealthOptions::default() };
        let options = SightOptions {
            masks: vec![everything],
            motion: Some(MotionOptions::default()),
            health: Some(health),
            ..SightOptions::default()
        };
        let mut sight = Sight::new(&options).unwrap();
        let mut decisions = Vec::new();
        for frame in 0..5 {
            let mut picture = grey(if frame % 2 == 0 { 60 } else { 200 });
            let seen = sight.see(&mut picture, frame * 100);
            assert!(picture.pixels.iter().all(|&byte| byte == 0));
            assert_eq!(seen.health, Health::default());
            decisions.push(seen.motion);
        }
        assert_eq!(decisions[0], Some(Motion::First));
        assert!(decisions[1..].iter().all(|motion| *motion == Some(Motion::Still)));
    }

    #[test]
    fn a_thumbnail_is_made_when_one_is_due() {
        let thumbnail = ThumbnailOptions { enabled: true, interval_ms: 1000, ..ThumbnailOptions::default() };
        let mut sight = Sight::new(&SightOptions { thumbnail, ..SightOptions::default() }).unwrap();
        let made: Vec<bool> =
            [0, 500, 999, 1000, 2500].map(|now_ms| sight.thumbnail(&grey(9), now_ms).unwrap().is_some()).to_vec();
        assert_eq!(made, [true, false, false, true, true]);
        let mut sight = Sight::new(&SightOptions::default()).unwrap();
        assert_eq!(sight.thumbnail(&grey(9), 0).unwrap(), None);
    }

    #[test]
    fn without_options_every_frame_is_as_it_was() {
        let mut sight = Sight::new(&SightOptions::default()).unwrap();
        let mut picture = grey(0);
        let seen = sight.see(&mut picture, 0);
        assert_eq!((seen.motion, picture), (None, grey(0)));
    }
}
