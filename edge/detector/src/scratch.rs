//! Memory for what lies between the steps of a job.

use std::cell::RefCell;

use crate::aligned::Aligned;

/// Lends memory that this thread keeps from job to job. It holds what the last job left there.
/// Jobs do not wait for one another, so a thread has one job at a time.
pub(crate) fn with_scratch<R>(floats: usize, job: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Aligned> = RefCell::new(Aligned::zeros(0));
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < floats {
            *scratch = Aligned::zeros(floats);
        }
        job(&mut scratch[..floats])
    })
}
