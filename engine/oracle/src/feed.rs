//! A source in memory: rows that are dealt out to partitions in small batches, and a gate that holds them back.
//!
//! A [`Feed`] belongs to a table and outlives the jobs that read it: each run is given a [`Delivery`] first. The gate
//! makes the middle of a run a place that can be waited for, so that a crash or a checkpoint happens there and not
//! whenever a timer says so. Positions are the number of batches read of each partition.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent, SourceFactory};
use tokio::sync::watch;

use crate::rng::Rng;

/// The whole way of the gate, in parts.
pub(crate) const OPEN: usize = 1000;

/// The rows of one run: the batches of each partition, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// By partition.
    pub(crate) partitions: Vec<Vec<RecordBatch>>,
    /// Decides which partition speaks next.
    pub(crate) seed: u64,
}

impl Delivery {
    /// How many batches of a partition a gate at so many thousandths lets through.
    fn limit(&self, partition: usize, gate: usize) -> usize {
        let batches = self.partitions.get(partition).map_or(0, Vec::len);
        if gate >= OPEN { batches } else { batches * gate / OPEN }
    }
}

/// The rows of a table, for jobs that read it one after another.
#[derive(Debug)]
pub(crate) struct Feed {
    table: String,
    schema: SchemaRef,
    /// Whether its batches have a weight behind the columns.
    updating: bool,
    delivery: Mutex<Arc<Delivery>>,
    gate: watch::Sender<usize>,
    /// Batches read of each partition.
    progress: watch::Sender<Vec<usize>>,
}

impl Feed {
    /// The feed of a table with these columns, of changes where it is `updating`.
    pub(crate) fn new(table: &str, schema: SchemaRef, updating: bool) -> Self {
        Feed {
            table: table.to_owned(),
            schema,
            updating,
            delivery: Mutex::default(),
            gate: watch::Sender::new(OPEN),
            progress: watch::Sender::new(Vec::new()),
        }
    }

    /// Puts the rows of the next run in, behind an open gate.
    pub(crate) fn load(&self, delivery: Delivery) {
        self.progress.send_replace(vec![0; delivery.partitions.len()]);
        self.gate.send_replace(OPEN);
        *self.delivery.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(delivery);
    }

    /// Lets so many thousandths of each partition through. A job that is started goes on from its own positions.
    pub(crate) fn set_gate(&self, gate: usize) {
        self.gate.send_replace(gate);
    }

    /// Forgets how far the job before has read.
    pub(crate) fn forget_progress(&self) {
        self.progress.send_modify(|read| read.fill(0));
    }

    /// Waits until everything before the gate has been read.
    pub(crate) async fn at_gate(&self) {
        let (delivery, gate) = (self.delivery(), *self.gate.borrow());
        let mut progress = self.progress.subscribe();
        let all = |read: &Vec<usize>| (0..read.len()).all(|p| read[p] >= delivery.limit(p, gate));
        // The sender is `self`, so it cannot be gone.
        let _ = progress.wait_for(all).await;
    }

    fn delivery(&self) -> Arc<Delivery> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn partition_name(&self, partition: usize) -> String {
        format!("{}/{partition}", self.table)
    }
}

/// Opens a feed. Every plan of a query has its own, of the same feed.
#[derive(Clone, Debug)]
pub(crate) struct FeedFactory(pub(crate) Arc<Feed>);

#[async_trait]
impl SourceFactory for FeedFactory {
    fn schema(&self) -> SchemaRef {
        self.0.schema.clone()
    }

    fn updating(&self) -> bool {
        self.0.updating
    }

    fn bounded(&self) -> bool {
        true
    }

    /// A feed's rows have been read already. Whether the table's own source gives bad records is known to `check`.
    fn gives_bad_records(&self) -> bool {
        true
    }

    fn fingerprint(&self) -> String {
        format!("feed {}", self.0.table)
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        let (feed, delivery) = (self.0.clone(), self.0.delivery());
        let mut own = Vec::new();
        for partition in (0..delivery.partitions.len()).filter(|p| p % context.parallelism == context.subtask) {
            let position = context.positions.get(&feed.partition_name(partition));
            let read = position.and_then(serde_json::Value::as_u64).unwrap_or(0) as usize;
            own.push((partition, read));
            feed.progress.send_modify(|progress| progress[partition] = read);
        }
        let rng = Rng::new(delivery.seed.wrapping_add(context.subtask as u64));
        let gate = feed.gate.subscribe();
        Ok(Box::new(FeedSource { feed, delivery, own, gate, rng, announced: false, draining: false }))
    }
}

struct FeedSource {
    feed: Arc<Feed>,
    delivery: Arc<Delivery>,
    /// The partitions of this instance, and how many batches of each it has given.
    own: Vec<(usize, usize)>,
    gate: watch::Receiver<usize>,
    rng: Rng,
    announced: bool,
    draining: bool,
}

#[async_trait]
impl Source for FeedSource {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        if !self.announced {
            self.announced = true;
            let names = self.own.iter().map(|(partition, _)| self.feed.partition_name(*partition));
            return Ok(SourceEvent::Partitions(names.collect()));
        }
        loop {
            let gate = *self.gate.borrow_and_update();
            if let Some(event) = self.before(gate) {
                return Ok(event);
            }
            if gate >= OPEN || self.draining || self.own.is_empty() {
                return Ok(SourceEvent::End);
            }
            if self.gate.changed().await.is_err() {
                return Ok(SourceEvent::End);
            }
        }
    }

    fn positions(&self) -> Positions {
        let position = |(partition, read): &(usize, usize)| (self.feed.partition_name(*partition), (*read).into());
        self.own.iter().map(position).collect()
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        self.draining = true;
        Ok(())
    }
}

impl FeedSource {
    /// The next batch before the gate, of any partition that has one.
    fn before(&mut self, gate: usize) -> Option<SourceEvent> {
        let delivery = &self.delivery;
        let waits = |(_, (partition, read)): &(usize, &(usize, usize))| *read < delivery.limit(*partition, gate);
        let waiting: Vec<usize> = self.own.iter().enumerate().filter(waits).map(|(index, _)| index).collect();
        if waiting.is_empty() {
            return None;
        }
        let index = *self.rng.pick(&waiting);
        let (partition, read) = &mut self.own[index];
        let batch = delivery.partitions[*partition][*read].clone();
        *read += 1;
        let (partition, read) = (*partition, *read);
        self.feed.progress.send_modify(|progress| progress[partition] = read);
        Some(SourceEvent::Batch { partition: index, batch })
    }
}
