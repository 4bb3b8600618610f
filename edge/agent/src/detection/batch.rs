//! Detection on a box with several cameras: one frame on all threads, or as many frames as there are threads, each on one
//! of them. Threads on frames of their own wait for nobody; threads on one frame meet after every layer.

use std::sync::Arc;

use headwater_camera::Picture;
use headwater_detector::{ClassSet, DetectOptions, Detector, DetectorError};
use headwater_sensors::EnergyAccount;

use crate::metered::{self, Metered};

/// A frame that is to be detected, and how.
pub(crate) struct Job<'a> {
    /// Who is charged.
    pub(crate) camera: Arc<str>,
    pub(crate) picture: &'a Picture,
    pub(crate) options: DetectOptions,
}

/// A detector for one frame at a time and for several at once.
pub(crate) struct BatchDetector {
    whole: Detector,
    /// A detector a thread, over the same weights; none where there is one thread alone.
    lanes: Vec<Detector>,
    energy: Arc<EnergyAccount>,
}

impl BatchDetector {
    /// # Errors
    /// Where the threads of the lanes cannot be started.
    pub(crate) fn new(whole: Detector, energy: Arc<EnergyAccount>) -> Result<Self, DetectorError> {
        let lanes = if whole.thread_count() > 1 { whole.thread_count() } else { 0 };
        let lanes = (0..lanes).map(|_| whole.single_threaded()).collect::<Result<_, _>>()?;
        Ok(Self { whole, lanes, energy })
    }

    /// How many frames are worth being detected at once; fewer are detected one after the other.
    pub(crate) fn at_once(&self) -> usize {
        self.lanes.len().max(1)
    }

    pub(crate) fn thread_count(&self) -> usize {
        self.whole.thread_count()
    }

    pub(crate) fn model_name(&self) -> &'static str {
        self.whole.model_name()
    }

    pub(crate) fn classes(&self) -> ClassSet {
        self.whole.classes()
    }

    /// Detects, at once where there are [as many](Self::at_once) frames; what was found in each, in their order. A frame
    /// that fails takes no other with it.
    pub(crate) fn detect(&self, jobs: &[Job<'_>]) -> Vec<Result<Metered, DetectorError>> {
        if jobs.len() != self.lanes.len() {
            return jobs.iter().map(|job| self.look(&self.whole, job)).collect();
        }
        let lanes = self.lanes.iter().zip(jobs).collect();
        self.whole.for_each_at_once(lanes, |(lane, job)| self.look(lane, job))
    }

    fn look(&self, detector: &Detector, job: &Job<'_>) -> Result<Metered, DetectorError> {
        metered::detect(detector, &self.energy, &job.camera, job.picture, &job.options)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use headwater_camera::{Recording, SyntheticScene};
    use headwater_detector::{LoadOptions, bundled_weights};
    use headwater_sensors::{EnergySettings, Host};

    use super::*;

    fn detector(threads: usize) -> BatchDetector {
        let options = LoadOptions { threads: NonZeroUsize::new(threads).unwrap(), ..LoadOptions::default() };
        let whole = Detector::from_bytes_with(bundled_weights(), options).unwrap();
        let settings = EnergySettings { busy_watts: Some(6.0), ..EnergySettings::default() };
        let energy = EnergyAccount::open(&settings, &Host::default()).unwrap();
        BatchDetector::new(whole, Arc::new(energy)).unwrap()
    }

    #[test]
    fn frames_at_once_are_found_as_they_are_alone_and_each_is_charged() {
        let both = detector(2);
        let mut scene = SyntheticScene::new(320, 240);
        let pictures: Vec<Picture> = (0..2).map(|_| scene.next_frame().unwrap().unwrap()).collect();
        let job = |index: usize| Job {
            camera: format!("camera-{index}").into(),
            picture: &pictures[index],
            options: DetectOptions { input_size: [320, 256][index], threshold: 0.05, ..DetectOptions::default() },
        };
        let alone: Vec<Metered> = (0..2).map(|index| both.detect(&[job(index)]).remove(0).unwrap()).collect();
        let at_once = both.detect(&[job(0), job(1)]);
        for (index, (alone, found)) in alone.iter().zip(at_once).enumerate() {
            let found = found.unwrap();
            assert_eq!(found.detections, alone.detections);
            let charged_mj = both.energy.cameras()[&*format!("camera-{index}")].energy_mj;
            assert!(found.energy.energy_mj.unwrap() > 0.0);
            let sum_mj = found.energy.energy_mj.unwrap() + alone.energy.energy_mj.unwrap();
            assert!((charged_mj - sum_mj).abs() < 1e-6, "{charged_mj} of {sum_mj}");
        }
    }

    #[test]
    fn a_frame_that_fails_takes_no_other_with_it() {
        let both = detector(2);
        let picture = Picture { width: 32, height: 32, pixels: vec![0; 32 * 32 * 3] };
        let broken = Picture { pixels: Vec::new(), ..picture.clone() };
        let job = |picture| Job { camera: "door".into(), picture, options: DetectOptions::default() };
        let found = both.detect(&[job(&broken), job(&picture)]);
        assert!(found[0].is_err() && found[1].is_ok());
    }

    #[test]
    fn one_thread_takes_one_frame() {
        assert_eq!((detector(1).at_once(), detector(3).at_once()), (1, 3));
    }
}
