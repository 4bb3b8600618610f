//! The kernels, compiled for each instruction set that pays, and the choice among them when the program runs.
//! Which convolution uses which kernel, and over which memory, is said in `convolution`.
#![allow(unsafe_code)] // functions for instructions that not every processor has

mod pack;
mod pool;
mod product;
mod winograd;

use super::lanes;
pub(super) use pack::Pack;
pub(super) use pool::Pool;
pub(super) use product::{Product, SEGMENT, Start};
pub(super) use winograd::{Forward, Four, Inverse, Place, Scheme, Two};

/// The kernels for one instruction set.
pub(super) struct Kernels {
    /// What people call the instruction set.
    pub(super) name: &'static str,
    /// Outputs that the product computes at once where a convolution has more than [`SEGMENT`] of them.
    pub(super) panel: usize,
    /// Over rows that were packed.
    pub(super) product: unsafe fn(&Product<'_>),
    /// Over pixels of three channels in place, every second pixel a row.
    pub(super) product_in_place: unsafe fn(&Product<'_>),
    pub(super) pack: unsafe fn(&Pack<'_>),
    pub(super) pool: unsafe fn(&Pool),
    pub(super) four: Transforms,
    pub(super) two: Transforms,
}

/// To Winograd's space and back.
pub(super) struct Transforms {
    pub(super) forward: unsafe fn(&Forward<'_>),
    pub(super) inverse: unsafe fn(&Inverse<'_>),
}

/// Floats between the pixels of [`Kernels::product_in_place`].
pub(super) const IN_PLACE_STEP: usize = 6;

/// Makes the kernels of one instruction set. `$wide` vectors are a panel, `$narrow` are [`SEGMENT`] floats, and `$rows` rows
/// of a panel leave registers for the weights and a value.
macro_rules! kernels {
    ($set:ident, $name:literal, $lanes:ty, $wide:literal, $narrow:literal, $rows:literal $(, $feature:literal)?) => {
        mod $set {
            use super::*;

            pub(super) static KERNELS: Kernels = Kernels {
                name: $name,
                panel: $wide * <$lanes as lanes::Lanes>::COUNT,
                product,
                product_in_place,
                pack,
                pool,
                four: Transforms { forward: forward_four, inverse: inverse_four },
                two: Transforms { forward: forward_two, inverse: inverse_two },
            };

            kernels!(@function $($feature)?, product, Product<'_>,
                product::product::<$lanes, $wide, $narrow, $rows, SEGMENT>);
            kernels!(@function $($feature)?, product_in_place, Product<'_>,
                product::product::<$lanes, $wide, $narrow, $rows, IN_PLACE_STEP>);
            kernels!(@function $($feature)?, pack, Pack<'_>, pack::pack::<$lanes>);
            kernels!(@function $($feature)?, pool, Pool, pool::pool::<$lanes>);
            kernels!(@function $($feature)?, forward_four, Forward<'_>, winograd::forward::<$lanes, Four, 6, 4>);
            kernels!(@function $($feature)?, inverse_four, Inverse<'_>, winograd::inverse::<$lanes, Four, 6, 4>);
            kernels!(@function $($feature)?, forward_two, Forward<'_>, winograd::forward::<$lanes, Two, 4, 2>);
            kernels!(@function $($feature)?, inverse_two, Inverse<'_>, winograd::inverse::<$lanes, Two, 4, 2>);
        }
    };
    (@function $($feature:literal)?, $function:ident, $job:ty, $kernel:expr) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $function(job: &$job) {
            // SAFETY: the caller keeps the kernel's contract, and the processor has what this was compiled for.
            unsafe { $kernel(job) }
        }
    };
}

kernels!(plain, "plain", lanes::Plain, 4, 4, 2);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, "AVX2", lanes::Avx2, 2, 2, 6, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(avx512, "AVX-512", lanes::Avx512, 2, 1, 14, "avx512f");
#[cfg(target_arch = "aarch64")]
kernels!(neon, "NEON", lanes::Neon, 4, 4, 6, "neon");

impl Kernels {
    /// The fastest that this processor can run.
    pub(super) fn best() -> &'static Self {
        Self::runnable()[0]
    }

    /// All that this processor can run, fastest first; never empty.
    pub(super) fn runnable() -> Vec<&'static Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                found.push(&avx512::KERNELS);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(&avx2::KERNELS);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            found.push(&neon::KERNELS);
        }
        found.push(&plain::KERNELS);
        found
    }
}

#[cfg(test)]
mod tests;
