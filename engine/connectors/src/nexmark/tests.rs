//! The published proportions and skew, and that the sequence is the same however it is read.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use headwater_plan::OptionValue;

use super::*;
use crate::source_contract::{check_contract, read_all, rows_of};

fn factory(options: &[(&str, &str)]) -> Nexmark {
    let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
    let settings = Settings::of(&Options::new(options.iter().map(text))).unwrap();
    let schema = schema_of(settings.kind);
    Nexmark::new(settings, schema)
}

async fn one(options: &[(&str, &str)]) -> RecordBatch {
    let factory = factory(options);
    arrow::compute::concat_batches(&factory.schema(), &read_all(&factory).await).unwrap()
}

fn numbers(batch: &RecordBatch, name: &str) -> Vec<i64> {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

/// How many of the values make up the most frequent ones, each more than a thousandth of all.
fn hot_share(values: &[i64]) -> f64 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(*value).or_default() += 1);
    let hot: usize = counts.values().filter(|count| **count * 1000 > values.len()).sum();
    hot as f64 / values.len() as f64
}

#[tokio::test]
async fn of_fifty_events_one_is_a_person_and_three_are_auctions() {
    let all = one(&[("message_count", "5001")]).await;
    assert_eq!(all.num_rows(), 5001);
    let valid = |name: &str| {
        let column = all.column_by_name(name).unwrap().as_struct();
        // The fields of another kind are null as well, for those who look at them alone.
        assert!(column.columns().iter().all(|child| child.null_count() == column.null_count()));
        column.len() - column.null_count()
    };
    assert_eq!([valid("person"), valid("auction"), valid("bid")], [101, 300, 4600]);
    let kinds = ["person", "auction", "bid"].map(|name| all.column_by_name(name).unwrap().clone());
    assert!((0..all.num_rows()).all(|row| kinds.iter().filter(|kind| kind.is_valid(row)).count() == 1));
}

#[tokio::test]
async fn flat_tables_are_the_same_sequence() {
    let all = one(&[("message_count", "2345"), ("seed", "7")]).await;
    for name in ["person", "auction", "bid"] {
        let flat = one(&[("message_count", "2345"), ("seed", "7"), ("table", name)]).await;
        let column = all.column_by_name(name).unwrap();
        let valid = arrow::compute::is_not_null(column).unwrap();
        let of_kind = arrow::compute::filter(column, &valid).unwrap();
        let lines = rows_of(&[RecordBatch::from(of_kind.as_struct())]);
        assert_eq!(rows_of(&[flat]), lines, "{name}");
    }
}

#[tokio::test]
async fn event_time_moves_at_the_rate() {
    let bids = one(&[("message_count", "1000"), ("event_rate", "4"), ("table", "bid")]).await;
    let times = bids.column_by_name(DATETIME).unwrap().as_primitive::<TimestampNanosecondType>();
    // The first bid is event 4, the last one event 999.
    assert_eq!(times.value(0) - BASE_TIME_NS, 1_000_000_000);
    assert_eq!(times.value(times.len() - 1) - BASE_TIME_NS, 999 * 250_000_000);
    assert!(times.values().is_sorted());
}

#[tokio::test]
async fn hot_ones_get_their_published_share() {
    let bids = one(&[("message_count", "200000"), ("table", "bid")]).await;
    let auctions = hot_share(&numbers(&bids, "auction"));
    assert!((0.48..0.56).contains(&auctions), "{auctions}");
    let bidders = hot_share(&numbers(&bids, "bidder"));
    assert!((0.73..0.80).contains(&bidders), "{bidders}");
    let sellers = hot_share(&numbers(&one(&[("message_count", "200000"), ("table", "auction")]).await, "seller"));
    assert!((0.73..0.80).contains(&sellers), "{sellers}");
}

#[tokio::test]
async fn prices_are_as_frequent_at_every_scale() {
    let prices = numbers(&one(&[("message_count", "200000"), ("table", "bid")]).await, "price");
    for scale in 2..8_u32 {
        let within = prices.iter().filter(|price| (10_i64.pow(scale)..10_i64.pow(scale + 1)).contains(*price)).count();
        let share = within as f64 / prices.len() as f64;
        assert!((share - 1.0 / 6.0).abs() < 0.01, "10^{scale}: {share}");
    }
}

#[tokio::test]
async fn bids_name_auctions_and_persons_that_exist_or_are_about_to() {
    let bids = one(&[("message_count", "50000"), ("table", "bid")]).await;
    let auctions = numbers(&one(&[("message_count", "50000"), ("table", "auction")]).await, "id");
    assert_eq!(auctions, (1000..4000).collect::<Vec<_>>());
    let persons = numbers(&one(&[("message_count", "50000"), ("table", "person")]).await, "id");
    assert_eq!(persons, (1000..2000).collect::<Vec<_>>());
    assert!(numbers(&bids, "auction").iter().all(|auction| (1000..4010).contains(auction)));
    assert!(numbers(&bids, "bidder").iter().all(|bidder| (1000..2010).contains(bidder)));
    let channels: BTreeSet<_> =
        bids.column_by_name("channel").unwrap().as_string::<i32>().iter().flatten().map(str::to_owned).collect();
    assert!(channels.contains("Apple") && channels.len() > 5000, "{}", channels.len());
    let urls = bids.column_by_name("url").unwrap().as_string::<i32>();
    assert!(
        urls.iter().flatten().all(|url| url.starts_with("https://www.nexmark.com/") && url.split('/').count() == 7)
    );
}

#[tokio::test]
async fn rows_have_their_published_sizes() {
    for (table, size) in [("person", 200), ("auction", 500), ("bid", 100)] {
        let rows = one(&[("message_count", "100000"), ("table", table)]).await;
        let text = |column: &arrow::array::ArrayRef| column.as_string_opt::<i32>().map(|text| text.value_data().len());
        let bytes: usize = rows
            .columns()
            .iter()
            .zip(rows.schema_ref().fields())
            // The channel and its address are not counted in the published size of a bid.
            .filter(|(_, field)| !["channel", "url"].contains(&field.name().as_str()))
            .map(|(column, _)| text(column).unwrap_or(8 * column.len()))
            .sum();
        let mean = bytes as f64 / rows.num_rows() as f64;
        assert!((mean / f64::from(size) - 1.0).abs() < 0.05, "{table}: {mean} bytes");
    }
}

#[tokio::test]
async fn it_goes_on_where_it_was_with_any_number_of_instances() {
    check_contract(&factory(&[("message_count", "30000"), ("event_rate", "100000")]), 4).await;
    check_contract(&factory(&[("message_count", "3000"), ("table", "person")]), 3).await;
}

#[tokio::test]
async fn one_instance_gives_events_in_order_and_the_seed_changes_them() {
    let all = one(&[("message_count", "40000")]).await;
    let times = all.column_by_name(DATETIME).unwrap().as_primitive::<TimestampNanosecondType>();
    assert!(times.values().is_sorted());
    let bids = |seed| async move {
        numbers(&one(&[("message_count", "1000"), ("table", "bid"), ("seed", seed)]).await, "price")
    };
    assert_eq!(bids("1").await, bids("1").await);
    assert_ne!(bids("1").await, bids("2").await);
}

#[tokio::test]
async fn realtime_keeps_pace_with_the_clock() {
    assert!(factory(&[]).settings.paced);
    assert!(!factory(&[("message_count", "10")]).settings.paced);
    let began = std::time::Instant::now();
    let rows = one(&[("message_count", "100"), ("event_rate", "1000"), ("realtime", "true")]).await;
    assert_eq!(rows.num_rows(), 100);
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_rate_must_be_one() {
    for rate in ["0", "-1", "nan", "2e9"] {
        let options = Options::new([("event_rate".to_owned(), OptionValue::Number(rate.into()))]);
        assert_eq!(Settings::of(&options).unwrap_err().option.as_deref(), Some("event_rate"), "{rate}");
    }
}
