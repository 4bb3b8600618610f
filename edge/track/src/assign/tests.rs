//! The matching against every matching there is.

use proptest::prelude::*;

use super::*;

fn gains(rows: &[Vec<f32>]) -> Gains {
    let mut gains = Gains::new(rows.len(), rows.first().map_or(0, Vec::len));
    for (row, values) in rows.iter().enumerate() {
        values.iter().enumerate().for_each(|(column, &gain)| gains.set(row, column, gain));
    }
    gains
}

/// The greatest sum over all matchings of the rows from `row` on to columns that are not taken.
fn best_sum(rows: &[Vec<f32>], row: usize, taken: u32) -> f32 {
    let Some(values) = rows.get(row) else { return 0.0 };
    let mut best = best_sum(rows, row + 1, taken);
    for (column, &gain) in values.iter().enumerate() {
        if gain > 0.0 && taken & (1 << column) == 0 {
            best = best.max(gain + best_sum(rows, row + 1, taken | (1 << column)));
        }
    }
    best
}

fn check(rows: &[Vec<f32>]) {
    let matched = gains(rows).assign();
    let mut columns: Vec<usize> = matched.iter().flatten().copied().collect();
    let count = columns.len();
    columns.sort_unstable();
    columns.dedup();
    assert_eq!(columns.len(), count, "a column is given twice: {matched:?}");
    let pairs = matched.iter().enumerate().filter_map(|(row, column)| column.map(|column| rows[row][column]));
    let values: Vec<f32> = pairs.collect();
    assert!(values.iter().all(|&gain| gain > 0.0), "a pair without a gain: {matched:?}");
    let (sum, best) = (values.iter().sum::<f32>(), best_sum(rows, 0, 0));
    assert!((sum - best).abs() < 1e-4, "{sum} is not the best sum {best} of {rows:?}");
}

#[test]
fn taking_the_nearest_first_is_not_the_best() {
    // Row 0 has the greatest gain with column 0, but then row 1 gets nothing.
    let rows = [vec![0.9, 0.8], vec![0.7, 0.0]];
    assert_eq!(gains(&rows).assign(), [Some(1), Some(0)]);
}

#[test]
fn what_is_no_gain_is_no_match() {
    let rows = [vec![0.0, -1.0, f32::NAN], vec![0.0, 0.5, 0.0]];
    assert_eq!(gains(&rows).assign(), [None, Some(1)]);
    assert_eq!(gains(&[]).assign(), []);
    assert_eq!(Gains::new(2, 0).assign(), [None, None]);
}

fn matrix() -> impl Strategy<Value = Vec<Vec<f32>>> {
    (1_usize..=6, 1_usize..=6).prop_flat_map(|(rows, columns)| {
        // Few values, so that there are ties; many zeros, so that there are parts.
        let gain =
            prop_oneof![3 => Just(0.0_f32), 2 => (1_u8..=4).prop_map(|g| f32::from(g) / 4.0), 2 => 0.01_f32..1.0];
        prop::collection::vec(prop::collection::vec(gain, columns), rows)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_matching_has_a_greater_sum(rows in matrix()) {
        check(&rows);
    }
}

#[test]
fn a_large_and_dense_one_ends() {
    let mut gains = Gains::new(256, 256);
    for row in 0..256 {
        for column in 0..256 {
            gains.set(row, column, 1.0 + ((row * 7919 + column * 104_729) % 997) as f32);
        }
    }
    assert!(gains.assign().iter().all(Option::is_some));
}
