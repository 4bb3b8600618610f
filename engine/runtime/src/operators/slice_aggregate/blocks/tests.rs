//! The arithmetic of blocks. What they add up to is tested against batch SQL in `tests/operators`.

use super::*;

#[test]
fn the_smallest_block_around_two_slices_has_one_in_each_half() {
    for first in -70i128..70 {
        for last in first + 1..70 {
            if (first < 0) != (last < 0) {
                continue; // No aligned block reaches over the offset, and none is asked for.
            }
            let block = BlockId::holding_both(first, last);
            assert!(block.slices().contains(&first) && block.slices().contains(&last));
            let [left, right] = block.halves();
            assert!(left.slices().contains(&first) && right.slices().contains(&last), "{block:?}");
            assert_eq!(left.slices().end, right.slices().start);
        }
    }
}

#[test]
fn only_blocks_that_several_windows_hold_are_built() {
    let level = |slide, width| level_max(&Slicing::hop(slide, width, 0));
    assert_eq!([level(1, 1), level(1, 2), level(1, 4)], [0, 0, 0], "a tumble and short hops read their slices");
    assert_eq!(level(1, 5), 1);
    assert_eq!(level(1, 60), 5);
    assert_eq!(level(1, 3_600), 11);
    assert_eq!(level(60, 61), 0, "sixty-one slices, each in two windows at most");
    assert_eq!(level(1, i64::MAX), 62);
}
