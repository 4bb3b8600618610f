//! A vector of floats, so that a kernel is written once and compiled for every instruction set: one trait, and a file an
//! instruction set under `lanes`. What is here runs everywhere and is what the others are compared with.
#![allow(unsafe_code)] // the trait's functions may use instructions that not every processor has, and raw pointers

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;

/// Floats that one instruction works on.
///
/// # Safety
/// Of every function: the processor has the instructions of the implementation. Everything is inlined into functions
/// that are compiled for them (see `kernels`), so nothing here may be called from elsewhere.
pub(super) trait Lanes: Copy {
    /// Floats in a vector: a divisor of [`SEGMENT`](super::kernels::SEGMENT).
    const COUNT: usize;

    unsafe fn splat(value: f32) -> Self;

    /// # Safety
    /// [`Lanes::COUNT`] floats can be read there. They need not be aligned.
    unsafe fn load(from: *const f32) -> Self;

    /// # Safety
    /// [`Lanes::COUNT`] floats can be written there. They need not be aligned.
    unsafe fn store(self, to: *mut f32);

    unsafe fn add(self, other: Self) -> Self;

    unsafe fn sub(self, other: Self) -> Self;

    unsafe fn mul(self, other: Self) -> Self;

    /// `self * factor + addend`; whether it rounds once or twice is the processor's affair.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;

    unsafe fn max(self, other: Self) -> Self;

    /// Asks for the cache line of an address, which need not be valid.
    #[inline(always)]
    unsafe fn prefetch(_address: *const f32) {}
}

/// Plain Rust, for a processor that has nothing better.
pub(super) type Plain = [f32; 4];

impl Lanes for Plain {
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller says that the floats are there; an array of floats is aligned where a float is.
        unsafe { from.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<Self>().write(self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Not `f32::mul_add`: without the instruction that is a call into the mathematics library.
        std::array::from_fn(|i| self[i] * factor[i] + addend[i])
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
    }
}
