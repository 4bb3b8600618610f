//! Where the agent's counters come together: one object that knows them all and gives a picture of a moment.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::carbon::CarbonSignal;
use crate::clock;
use crate::live::{AgentStatus, CameraLive, PowerLive, UplinkLive};
use crate::metrics::InferenceTimes;
use crate::outbox::Outbox;

pub(crate) struct AgentState {
    pub(crate) device_id: String,
    pub(crate) boot: String,
    pub(crate) config_hash: String,
    pub(crate) started_ms: i64,
    pub(crate) cameras: Vec<Arc<CameraLive>>,
    pub(crate) uplink: Arc<UplinkLive>,
    pub(crate) power: Arc<PowerLive>,
    pub(crate) signal: Option<Arc<CarbonSignal>>,
    pub(crate) has_energy: bool,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) inference_times: InferenceTimes,
}

impl AgentState {
    pub(crate) fn status(&self) -> AgentStatus {
        let spool = self.outbox.stats();
        AgentStatus {
            device_id: self.device_id.clone(),
            boot: self.boot.clone(),
            config_hash: self.config_hash.clone(),
            started_ms: self.started_ms,
            cameras: self.cameras.iter().map(|camera| camera.snapshot()).collect(),
            uplink_connected: self.uplink.connected.load(Relaxed),
            sent_rows: self.uplink.sent_rows.load(Relaxed),
            sent_messages: self.uplink.sent_messages.load(Relaxed),
            rejected_messages: self.uplink.rejected_messages.load(Relaxed),
            spool_rows: spool.rows,
            spool_messages: spool.records,
            spool_bytes: spool.waiting_bytes,
            dropped_rows: spool.dropped_rows,
            lost_rows: self.outbox.lost_rows(),
            is_held: self.outbox.is_held(),
            spool,
            carbon_intensity_g_per_kwh: self.signal.as_ref().and_then(|signal| signal.at(clock::now_ms())),
            carbon_step: self.power.step(),
            energy_mj_total: self.has_energy.then(|| self.power.energy_mj()),
        }
    }
}
