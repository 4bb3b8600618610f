//! `headwater up`: everything in one process. Broker, server and two edge devices start in this order and end in the
//! other, so that what was detected is in the tables before the log goes.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use headwater_agent::config::CameraConfig;
use headwater_agent::{Agent, AgentHandle, Config, StatusWatch};
use tokio_util::sync::CancellationToken;

use crate::args::UpArgs;
use crate::bundled;
use crate::live_table::LiveTable;
use crate::node::{Brokers, Node};
use crate::settings::Settings;
use crate::shutdown::Shutdown;

/// The devices that are started, each with one camera.
const DEVICES: [(&str, &str); 2] = [("north", "footpath"), ("south", "footpath")];
/// What one busy core of an ordinary machine draws over an idle one.
const BUSY_WATTS: f64 = 6.0;

pub(crate) async fn up(args: UpArgs, shutdown: Shutdown) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(args.serve)?;
    let brokers = Brokers::start(settings.bootstrap_servers.clone())?;
    let stop_server = CancellationToken::new();
    let node = Node::start(&settings, &brokers, stop_server.clone()).await?;
    let cameras_stop = shutdown.token().child_token();
    let devices = match start_devices(&settings, &brokers, &cameras_stop).await {
        Ok(devices) => devices,
        Err(error) => {
            stop_server.cancel();
            node.server.ended().await?;
            return Err(error);
        }
    };
    print!("{}", welcome(&settings, &brokers, &node));
    let watches: Vec<StatusWatch> = devices.iter().map(AgentHandle::watch).collect();
    let table = LiveTable::new(watches, node.server.service().clone());
    tokio::select! {
        () = shutdown.token().cancelled() => {}
        () = elapsed(args.run_for) => {}
        () = table.draw() => {}
    }
    eprintln!("ending: the cameras stop, what they saw is sent, and the tables are written");
    cameras_stop.cancel();
    let mut reports = Vec::new();
    for device in devices {
        reports.push(device.join().await?);
    }
    stop_server.cancel();
    node.server.ended().await?;
    for report in reports {
        println!(
            "{}: {} frames looked at, {} skipped, {} rows sent, {} left on disk",
            report.device_id, report.frames, report.skipped, report.delivered_rows, report.left_rows
        );
    }
    drop(brokers);
    println!("tables are in {}/tables; the next `headwater up` goes on from here", settings.data_dir.display());
    Ok(ExitCode::SUCCESS)
}

async fn elapsed(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

/// Two devices, each with a camera that plays the bundled clip.
async fn start_devices(
    settings: &Settings,
    brokers: &Brokers,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<AgentHandle>> {
    let clip = bundled::clip(&settings.data_dir)?;
    let mut devices = Vec::new();
    for (device, camera) in DEVICES {
        let config = device_config(settings, brokers, device, camera, &clip);
        let agent = Agent::start(config, stop.clone()).await;
        devices.push(agent.with_context(|| format!("could not start device {device}"))?);
    }
    Ok(devices)
}

fn device_config(settings: &Settings, brokers: &Brokers, device: &str, camera: &str, clip: &Path) -> Config {
    let mut config = Config::new(device, &brokers.bootstrap_servers, &settings.data_dir.join("edge"));
    config.cameras = vec![CameraConfig::file(camera, clip, true)];
    config.energy.busy_watts = Some(BUSY_WATTS);
    // A laptop or a container may have no sensor at all; the method of such a value says that it is made up.
    config.sensors.synthetic = true;
    config
}

/// What runs where, and what to try.
fn welcome(settings: &Settings, brokers: &Brokers, node: &Node) -> String {
    let (grpc, http) = (node.server.grpc_address(), node.server.http_address());
    let data = settings.data_dir.display();
    let log = match brokers.embedded {
        Some(_) => "embedded; its log is in memory and gone when this ends, the tables stay",
        None => "yours",
    };
    let devices: Vec<&str> = DEVICES.iter().map(|(device, _)| *device).collect();
    format!(
        "\
Headwater is up.
  live page   http://{http}/        also /data, /metrics
  gRPC        {grpc}               reflection is on
  Kafka       {brokers}            {log}
  devices     {devices}, each with a camera that plays a clip
  queries     {queries}
  tables      {data}/tables        Parquet

Try next:
  grpcurl -plaintext -d '{{\"sql\": \"SELECT * FROM people_per_camera_now ORDER BY window_end DESC LIMIT 4\"}}' {grpc} headwater.v1.QueryService/Query
  curl -s http://{http}/data
  duckdb -c \"SELECT device_id, count(*) AS frames, avg(persons_detected) AS people FROM read_parquet('{data}/tables/frames/**/*.parquet') GROUP BY device_id\"

",
        brokers = brokers.bootstrap_servers,
        devices = devices.join(", "),
        queries = settings.queries.display(),
    )
}
