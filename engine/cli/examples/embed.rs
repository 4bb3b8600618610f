//! A program with the engine inside. It brings a function of a row, one of a group and one that waits for its answer, and
//! runs a query over a file that calls them.
//!
//!     cargo run --release --example embed

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use async_trait::async_trait;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Accumulator, ColumnarValue, Volatility, create_udaf, create_udf};
use datafusion::scalar::ScalarValue;
use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_core::function::{AsyncFunction, CallError};
use headwater_runtime::{Job, JobSettings};
use headwater_sql::{Functions, PlanSettings, plan_with};

const SIGHTINGS: &str = r#"{"ts":"2026-03-01T08:00:01","camera":"c1","width":2.0,"height":8.0}
{"ts":"2026-03-01T08:00:02","camera":"c2","width":3.0,"height":3.0}
{"ts":"2026-03-01T08:00:05","camera":"c1","width":1.0,"height":4.0}
{"ts":"2026-03-01T08:00:12","camera":"c1","width":5.0,"height":5.0}
"#;

const QUERY: &str = "
    CREATE TABLE sightings (ts TIMESTAMP, camera TEXT, width DOUBLE, height DOUBLE, WATERMARK FOR ts)
        WITH (connector = 'single_file', path = 'sightings.json', type = 'source');

    CREATE TABLE sizes WITH (connector = 'single_file', path = 'sizes.json', type = 'sink');

    INSERT INTO sizes
    SELECT window.start AS at, room_of(camera) AS room, size FROM (
        SELECT tumble(interval '10 seconds') AS window, camera, geometric_mean(area(width, height)) AS size
        FROM sightings GROUP BY window, camera
    );
";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("headwater-embed-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let sizes = sizes(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    print!("{}", sizes?);
    Ok(())
}

/// Runs the query over files in a folder; gives what it wrote.
pub(crate) async fn sizes(folder: &Path) -> anyhow::Result<String> {
    std::fs::write(folder.join("sightings.json"), SIGHTINGS)?;
    let settings = ConnectorSettings { base_dir: folder.to_owned(), ..ConnectorSettings::default() };
    let connectors = ConnectorSet::new(settings);
    let planned = plan_with(QUERY, &connectors, &functions()?, &PlanSettings { parallelism: 1 });
    let script = planned.map_err(|diagnostic| anyhow::anyhow!(diagnostic.render("query", QUERY)))?;
    if let Some(graph) = script.graph {
        Job::start("embed", graph, JobSettings::default(), None).await?.ended().await?;
    }
    Ok(std::fs::read_to_string(folder.join("sizes.json"))?)
}

/// The built-in functions and those of this program.
fn functions() -> anyhow::Result<Functions> {
    let double = DataType::Float64;
    let mut functions = Functions::default();
    functions.add_scalar(create_udf(
        "area",
        vec![double.clone(), double.clone()],
        double.clone(),
        Volatility::Immutable,
        Arc::new(area),
    ))?;
    functions.add_aggregate(create_udaf(
        "geometric_mean",
        vec![double.clone()],
        Arc::new(double.clone()),
        Volatility::Immutable,
        Arc::new(|_| Ok(Box::new(GeometricMean::default()))),
        Arc::new(vec![double.clone(), double]),
    ))?;
    functions.add_async(Arc::new(RoomOf))?;
    Ok(functions)
}

fn area(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let columns = ColumnarValue::values_to_arrays(arguments)?;
    let [width, height] = columns.as_slice() else {
        return Err(DataFusionError::Execution("area() takes a width and a height".to_owned()));
    };
    let areas = arrow::compute::kernels::numeric::mul(width, height)?;
    Ok(ColumnarValue::Array(areas))
}

/// The mean that a product has: the sum of logarithms and how many there are.
#[derive(Debug, Default)]
struct GeometricMean {
    logarithms: f64,
    count: f64,
}

impl Accumulator for GeometricMean {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values.iter().flat_map(|column| column.as_primitive::<Float64Type>().iter().flatten()) {
            self.logarithms += value.ln();
            self.count += 1.0;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        if let [logarithms, counts] = states {
            self.logarithms += logarithms.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
            self.count += counts.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::from(self.logarithms), ScalarValue::from(self.count)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mean = (self.count > 0.0).then(|| (self.logarithms / self.count).exp());
        Ok(ScalarValue::Float64(mean.map(|mean| (mean * 1e9).round() / 1e9)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Asks where a camera hangs. A real one would ask a service; whatever it awaits, the engine goes on meanwhile.
#[derive(Debug)]
struct RoomOf;

#[async_trait]
impl AsyncFunction for RoomOf {
    fn name(&self) -> &str {
        "room_of"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Utf8]
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    async fn call(&self, arguments: &[ArrayRef], _rows: usize) -> std::result::Result<ArrayRef, CallError> {
        tokio::task::yield_now().await;
        let cameras = arguments.first().ok_or_else(|| CallError::fatal("room_of() takes a camera"))?;
        let room = |camera: Option<&str>| match camera? {
            "c1" => Some("hall"),
            "c2" => Some("kitchen"),
            _ => None,
        };
        Ok(Arc::new(cameras.as_string::<i32>().iter().map(room).collect::<StringArray>()))
    }
}
