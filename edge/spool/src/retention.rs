//! Which segments go when room is needed. Pure: sizes in, a number out.

/// How many of the oldest segments must go so that `incoming` bytes fit under `max_bytes`. `sizes` are the bytes of the
/// segments, oldest first. It may be all of them.
pub(crate) fn segments_to_drop(sizes: impl Iterator<Item = u64>, incoming: u64, max_bytes: u64) -> usize {
    let sizes: Vec<u64> = sizes.collect();
    let mut total: u64 = sizes.iter().sum();
    let mut count = 0;
    for size in sizes {
        if total + incoming <= max_bytes {
            break;
        }
        total -= size;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_oldest_segments_go() {
        let drop = |incoming| segments_to_drop([40, 30, 20].into_iter(), incoming, 100);
        assert_eq!(drop(0), 0);
        assert_eq!(drop(10), 0);
        assert_eq!(drop(11), 1);
        assert_eq!(drop(50), 1);
        assert_eq!(drop(51), 2);
        assert_eq!(drop(100), 3);
        assert_eq!(segments_to_drop([].into_iter(), 10, 5), 0);
    }
}
