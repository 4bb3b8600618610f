//! Between cameras and the detector: one slot a camera, in which the newest frame wins.
//!
//! A queue would only make detections old: where the detector is slower than the camera, the frame that waits is replaced
//! and counted as skipped. A camera that wants every frame looked at waits until its slot is free. The bound is one
//! frame a camera.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Picture;

/// A frame on its way to the detector.
pub struct Frame {
    /// Its number on its camera; skipped frames count.
    pub number: u64,
    /// When it was taken, milliseconds since the epoch.
    pub ts: i64,
    /// The same on a clock that nobody sets, milliseconds since anything: for what goes on from frame to frame.
    pub steady_ms: i64,
    /// The pixels.
    pub picture: Picture,
}

/// A frame that the detector has taken.
pub struct Taken {
    /// Index of the camera.
    pub camera: usize,
    /// The frame.
    pub frame: Frame,
    /// Frames of this camera that nobody looked at since the one taken before.
    pub skipped: u32,
}

/// A slot a camera.
pub struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    slots: Vec<Slot>,
    /// Where the search for the next frame begins, so that a fast camera does not starve the others.
    next: usize,
}

#[derive(Default)]
struct Slot {
    frame: Option<Frame>,
    skipped: u32,
    closed: bool,
}

impl Board {
    /// A board with empty slots for so many cameras.
    pub fn new(cameras: usize) -> Self {
        let slots = (0..cameras).map(|_| Slot::default()).collect();
        Self { state: Mutex::new(State { slots, next: 0 }), changed: Condvar::new() }
    }

    /// Puts a frame into its camera's slot; says whether another one had to go.
    pub fn publish(&self, camera: usize, frame: Frame) -> bool {
        let mut state = self.lock();
        let Some(slot) = state.slots.get_mut(camera) else { return false };
        let replaced = slot.frame.replace(frame).is_some();
        slot.skipped += u32::from(replaced);
        self.changed.notify_all();
        replaced
    }

    /// Puts a frame into its camera's slot once that is free.
    pub fn publish_when_free(&self, camera: usize, frame: Frame) {
        let taken = |state: &mut State| state.slots.get(camera).is_some_and(|slot| slot.frame.is_some());
        let waited = self.changed.wait_while(self.lock(), taken);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = state.slots.get_mut(camera) {
            slot.frame = Some(frame);
        }
        self.changed.notify_all();
    }

    /// Counts a frame that is not to be looked at.
    pub fn pass_over(&self, camera: usize) {
        if let Some(slot) = self.lock().slots.get_mut(camera) {
            slot.skipped += 1;
        }
    }

    /// No more frames of this camera.
    pub fn close(&self, camera: usize) {
        if let Some(slot) = self.lock().slots.get_mut(camera) {
            slot.closed = true;
        }
        self.changed.notify_all();
    }

    /// The next frame, cameras in turn; or `at_once` frames of as many cameras, where so many are there. Waits for one.
    /// Nothing once every camera is closed and every slot empty.
    pub fn take(&self, at_once: usize) -> Vec<Taken> {
        let waits = |state: &mut State| {
            state.slots.iter().all(|slot| slot.frame.is_none()) && state.slots.iter().any(|slot| !slot.closed)
        };
        let waited = self.changed.wait_while(self.lock(), waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let there = state.slots.iter().filter(|slot| slot.frame.is_some()).count();
        let wanted = if there >= at_once { at_once } else { 1 };
        let taken = (0..wanted).map_while(|_| state.take_next()).collect();
        self.changed.notify_all();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_next(&mut self) -> Option<Taken> {
        let (count, first) = (self.slots.len(), self.next);
        let camera = (0..count).map(|step| (first + step) % count).find(|&at| self.slots[at].frame.is_some())?;
        self.next = (camera + 1) % count;
        let slot = &mut self.slots[camera];
        let skipped = std::mem::take(&mut slot.skipped);
        slot.frame.take().map(|frame| Taken { camera, frame, skipped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64) -> Frame {
        Frame { number, ts: 0, steady_ms: 0, picture: Picture { width: 1, height: 1, pixels: vec![0; 3] } }
    }

    fn several(board: &Board, at_once: usize) -> Vec<(usize, u64, u32)> {
        let taken = board.take(at_once);
        taken.iter().map(|taken| (taken.camera, taken.frame.number, taken.skipped)).collect()
    }

    fn taken(board: &Board) -> Option<(usize, u64, u32)> {
        several(board, 1).pop()
    }

    #[test]
    fn the_newest_frame_wins_and_the_others_are_counted() {
        let board = Board::new(1);
        assert!(!board.publish(0, frame(0)));
        assert!(board.publish(0, frame(1)));
        board.pass_over(0);
        assert!(board.publish(0, frame(3)));
        assert_eq!(taken(&board), Some((0, 3, 3)));
        board.publish(0, frame(4));
        board.close(0);
        assert_eq!(taken(&board), Some((0, 4, 0)));
        assert_eq!(taken(&board), None);
    }

    #[test]
    fn cameras_take_turns() {
        let board = Board::new(3);
        for number in 0..2 {
            (0..3).for_each(|camera| assert_eq!(board.publish(camera, frame(number)), number > 0));
        }
        assert_eq!(taken(&board), Some((0, 1, 1)));
        board.publish(0, frame(9));
        assert_eq!(taken(&board), Some((1, 1, 1)));
        assert_eq!(taken(&board), Some((2, 1, 1)));
        assert_eq!(taken(&board), Some((0, 9, 0)));
    }

    #[test]
    fn several_are_taken_where_so_many_are_there_and_else_one() {
        let board = Board::new(3);
        (0..3).for_each(|camera| assert!(!board.publish(camera, frame(7))));
        assert_eq!(several(&board, 2), [(0, 7, 0), (1, 7, 0)]);
        assert_eq!(several(&board, 2), [(2, 7, 0)]);
        board.publish(1, frame(8));
        board.publish(2, frame(8));
        assert_eq!(several(&board, 3), [(1, 8, 0)], "cameras take turns, and none is waited for");
        (0..3).for_each(|camera| board.close(camera));
        assert_eq!(several(&board, 3), [(2, 8, 0)]);
        assert_eq!(several(&board, 3), []);
    }

    #[test]
    fn a_camera_that_waits_loses_nothing() {
        let board = Board::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..100).for_each(|number| board.publish_when_free(0, frame(number)));
                board.close(0);
            });
            for number in 0..100 {
                assert_eq!(taken(&board), Some((0, number, 0)));
            }
            assert_eq!(taken(&board), None);
        });
    }
}
