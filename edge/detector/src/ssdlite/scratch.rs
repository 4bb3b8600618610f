//! Buffers for what lies between the layers of a step, one set for each thread.

use std::sync::{Mutex, PoisonError};

/// What one thread needs for a strip of rows. The vectors only grow.
#[derive(Default)]
pub(super) struct Strip {
    pub(super) widened: Vec<f32>,
    pub(super) gathered: Vec<f32>,
}

/// A [`Strip`] for each thread of a pool.
#[derive(Default)]
pub(super) struct Scratch {
    strips: Vec<Mutex<Strip>>,
}

impl Scratch {
    /// Makes room for the threads of the current pool.
    pub(super) fn fit(&mut self) {
        let threads = rayon::current_num_threads().max(self.strips.len());
        self.strips.resize_with(threads, Mutex::default);
    }

    /// Runs with the current thread's buffers. Nothing that runs in it may wait for other work of the pool.
    pub(super) fn with<R>(&self, run: impl FnOnce(&mut Strip) -> R) -> R {
        let thread = rayon::current_thread_index().unwrap_or(0);
        match self.strips.get(thread) {
            Some(strip) => run(&mut strip.lock().unwrap_or_else(PoisonError::into_inner)),
            None => run(&mut Strip::default()),
        }
    }
}

/// The first `length` values of a buffer, whatever they are.
pub(super) fn first(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
