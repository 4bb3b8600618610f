//! What adds a plane of another size: bilinear doubling, averaging of four.

use rayon::prelude::*;

use super::plane::Plane;

/// Adds `source`, doubled in size, to `target`: bilinear between centres of pixels, so a pixel takes three quarters from
/// the one it lies in and one from the next towards its side.
pub(crate) fn add_doubled(source: &Plane, target: &mut Plane) {
    let channels = source.channels();
    for_each_row(target, |y, row| {
        let near_row = source.row(y / 2);
        let far_row = source.row(neighbour(y, source.side()));
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let near = x / 2 * channels;
            let far = neighbour(x, source.side()) * channels;
            let corners = near_row[near..].iter().zip(&near_row[far..]).zip(&far_row[near..]).zip(&far_row[far..]);
            for (value, (((nn, nf), fn_), ff)) in pixel.iter_mut().zip(corners) {
                *value += 0.75 * (0.75 * nn + 0.25 * nf) + 0.25 * (0.75 * fn_ + 0.25 * ff);
            }
        }
    });
}

/// Adds `source`, halved in size by averaging 2×2 pixels, to `target`.
pub(crate) fn add_halved(source: &Plane, target: &mut Plane) {
    let channels = source.channels();
    for_each_row(target, |y, row| {
        let (upper, lower) = (source.row(2 * y), source.row(2 * y + 1));
        for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
            let (left, right) = (2 * x * channels, (2 * x + 1) * channels);
            let four = upper[left..].iter().zip(&upper[right..]).zip(&lower[left..]).zip(&lower[right..]);
            for (value, (((a, b), c), d)) in pixel.iter_mut().zip(four) {
                *value += 0.25 * (a + b + c + d);
            }
        }
    });
}

/// Each thread of the current pool takes a run of rows.
fn for_each_row(target: &mut Plane, work: impl Fn(usize, &mut [f32]) + Sync) {
    let share = target.side().div_ceil(rayon::current_num_threads()).max(1);
    let mut rows: Vec<_> = target.rows_mut().enumerate().collect();
    rows.par_chunks_mut(share).for_each(|rows| {
        for (y, row) in rows {
            work(*y, row);
        }
    });
}

/// The source pixel that lies on the side of `position` to which its centre is shifted; the edge repeats.
fn neighbour(position: usize, side: usize) -> usize {
    let (near, odd) = (position / 2, position % 2 == 1);
    if odd { (near + 1).min(side - 1) } else { near.saturating_sub(1) }
}
