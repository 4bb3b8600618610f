//! Where the agent's counters come together: one object that knows them all and gives a picture of a moment.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use headwater_sensors::{EnergyAccount, Sensors};

use crate::carbon::OutlookWatch;
use crate::config::CameraConfig;
use crate::live::{AgentStatus, CameraLive, CameraSnapshot, UplinkLive};
use crate::metrics::InferenceTimes;
use crate::outbox::Outbox;
use crate::settings::LiveSettings;

pub(crate) struct AgentState {
    pub(crate) device_id: String,
    pub(crate) boot: String,
    pub(crate) started_ms: i64,
    pub(crate) settings: Arc<LiveSettings>,
    pub(crate) cameras: Vec<Arc<CameraLive>>,
    pub(crate) uplink: Arc<UplinkLive>,
    pub(crate) energy: Arc<EnergyAccount>,
    pub(crate) outlook: OutlookWatch,
    pub(crate) sensors: Arc<Sensors>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) inference_times: InferenceTimes,
}

impl AgentState {
    /// Everything that is counted, now. May wait for the spool's disk.
    pub(crate) fn status(&self) -> AgentStatus {
        let spool = self.outbox.stats();
        let intensity = self.outlook.borrow().as_ref().map(|outlook| outlook.current.g_per_kwh);
        let energy = self.energy.cameras();
        let settings = self.settings.current();
        let camera = |(camera, settings): (&Arc<CameraLive>, &CameraConfig)| CameraSnapshot {
            energy_mj: energy.get(camera.id()).map(|energy| energy.energy_mj),
            is_paused: settings.paused,
            ..camera.snapshot()
        };
        AgentStatus {
            device_id: self.device_id.clone(),
            boot: self.boot.clone(),
            config_hash: settings.fingerprint(),
            started_ms: self.started_ms,
            cameras: self.cameras.iter().zip(&settings.cameras).map(camera).collect(),
            uplink_connected: self.uplink.connected.load(Relaxed),
            sent_rows: self.uplink.sent_rows.load(Relaxed),
            sent_messages: self.uplink.sent_messages.load(Relaxed),
            rejected_messages: self.uplink.rejected_messages.load(Relaxed),
            spool_rows: spool.rows,
            spool_messages: spool.records,
            spool_bytes: spool.waiting_bytes,
            dropped_rows: spool.dropped_rows + spool.expired_rows,
            lost_rows: self.outbox.lost_rows(),
            is_held: self.outbox.is_held(),
            spool,
            carbon_intensity_g_per_kwh: intensity,
            is_deferred: self.outbox.is_deferred(),
            energy_mj_total: self.energy.total_mj(),
            dropped_readings: self.sensors.dropped(),
            sensors: self.sensors.counters(),
            control: self.settings.acknowledgement(),
        }
    }
}
