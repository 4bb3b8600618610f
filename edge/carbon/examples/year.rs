//! A year of the controller over traces, as a table: `cargo run --release -p headwater-carbon --example year -- DE.csv
//! …`.
//!
//! A file is a zone, named like it, with an hour a line (`timestamp`, `g_per_kwh`). Options, before the files:
//! `--measure count|boxes`, `--loss POINTS`, `--forecast yesterday|none|noisy|perfect`, `--upload WATTS`, `--defer
//! HOURS`, `--set KEY=VALUE` for any other key of `[carbon.control]`, and `--brief` for a line a zone.

use std::error::Error;
use std::path::Path;

use headwater_carbon::controller::ControlSettings;
use headwater_carbon::signal::Trace;
use headwater_carbon::simulate::{Forecasts, Outcome, Scenario, best_single, carbon_blind, least_mix, oracle, run};
use headwater_carbon::{Controller, Machine, Table, simulate};

struct Options {
    control: String,
    scenario: Scenario,
    brief: bool,
    files: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options(std::env::args().skip(1))?;
    let settings: ControlSettings = toml::from_str(&options.control)?;
    let ways = Table::measured().configurations(&Machine::default(), settings.measure);
    println!("# {settings:?}\n# {:?}", options.scenario);
    if options.brief {
        println!(
            "| zone | g/h | under (c) | under least mix | of (d)'s saving over (a) | over least mix | loss, points | changes a day |"
        );
        println!("|---|---|---|---|---|---|---|---|");
    }
    for file in &options.files {
        let trace: Vec<f64> = Trace::from_csv(Path::new(file))?.points().iter().map(|(_, grams)| *grams).collect();
        let controller = Controller::new(settings.clone(), ways.clone())?;
        let zone = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if options.brief {
            println!("{}", brief(&zone, controller, &trace, &options.scenario));
        } else {
            print!("{}", table(&zone, controller, &trace, &options.scenario));
        }
    }
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let scenario = Scenario { forecasts: Forecasts::Yesterday, upload_watts: 0.0, defer_upload_hours_max: 0.0 };
    let mut options = Options { control: String::new(), scenario, brief: false, files: Vec::new() };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let mut set = |key: &str, value: String| options.control.push_str(&format!("{key} = {value}\n"));
        match argument.as_str() {
            "--measure" => set("measure", format!("{:?}", value()?)),
            "--loss" => set("accuracy_loss_max", format!("{}", number(&value()?)? / 100.0)),
            "--defer" => options.scenario.defer_upload_hours_max = number(&value()?)?,
            "--set" => options.control.push_str(&format!("{}\n", value()?)),
            "--upload" => options.scenario.upload_watts = number(&value()?)?,
            "--brief" => options.brief = true,
            "--forecast" => {
                options.scenario.forecasts = match value()?.as_str() {
                    "none" => Forecasts::Absent,
                    "yesterday" => Forecasts::Yesterday,
                    "noisy" => Forecasts::Noisy { step: 0.03, seed: 7 },
                    "perfect" => Forecasts::Perfect,
                    other => return Err(format!("no forecast {other}")),
                }
            }
            _ => options.files.push(argument),
        }
    }
    Ok(options)
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// The rivals of a controller.
struct Field {
    high: Outcome,
    single: Outcome,
    ours: Outcome,
    blind: Outcome,
    least: Outcome,
    oracle: Outcome,
}

fn field(controller: Controller, trace: &[f64], scenario: &Scenario) -> Field {
    let frontier = controller.frontier().clone();
    let promised = controller.promised_accuracy();
    let ours = run(controller, trace, scenario);
    Field {
        high: simulate::always(&frontier, frontier.corners().len() - 1, trace),
        single: best_single(&frontier, promised, trace),
        blind: carbon_blind(&ours, trace),
        least: least_mix(&frontier, promised, trace),
        oracle: oracle(&frontier, promised, trace),
        ours,
    }
}

impl Field {
    fn under(&self, rival: &Outcome) -> f64 {
        100.0 * (1.0 - self.ours.grams_per_hour / rival.grams_per_hour)
    }

    fn share_of_oracle(&self, over: &Outcome) -> f64 {
        100.0 * (over.grams_per_hour - self.ours.grams_per_hour) / (over.grams_per_hour - self.oracle.grams_per_hour)
    }

    fn loss_points(&self) -> f64 {
        100.0 * (self.high.accuracy - self.ours.accuracy)
    }
}

fn brief(zone: &str, controller: Controller, trace: &[f64], scenario: &Scenario) -> String {
    let field = field(controller, trace, scenario);
    format!(
        "| {zone} | {:.4} | {:.1} % | {:.1} % | {:.0} % | {:.0} % | {:.2} | {:.1} |",
        field.ours.grams_per_hour,
        field.under(&field.blind),
        field.under(&field.least),
        field.share_of_oracle(&field.high),
        field.share_of_oracle(&field.least),
        field.loss_points(),
        field.ours.switches_per_day
    )
}

fn table(zone: &str, controller: Controller, trace: &[f64], scenario: &Scenario) -> String {
    let field = field(controller, trace, scenario);
    let mean = trace.iter().sum::<f64>() / trace.len() as f64;
    let mut text = format!("\n{zone}: {} hours, {mean:.0} g/kWh on average\n\n", trace.len());
    text.push_str("| | g a camera-hour | Wh a camera-hour | accuracy | changes a day |\n|---|---|---|---|---|\n");
    let rows = [
        ("(a) always the best", &field.high),
        ("(b) best single way", &field.single),
        ("(c) carbon-blind, energy and accuracy of ours", &field.blind),
        ("(c') carbon-blind, least energy", &field.least),
        ("**controller**", &field.ours),
        ("(d) knows the future", &field.oracle),
    ];
    for (name, outcome) in rows {
        text.push_str(&format!(
            "| {name} | {:.4} | {:.3} | {:.4} | {:.1} |\n",
            outcome.grams_per_hour, outcome.watts, outcome.accuracy, outcome.switches_per_day
        ));
    }
    text.push_str(&format!(
        "\n{:.1} % under (c), {:.1} % under (c'), {:.1} % under (a); {:.0} % of what (d) saves over (a), {:.0} % over (c'); \
         {:.2} points lost\n",
        field.under(&field.blind),
        field.under(&field.least),
        field.under(&field.high),
        field.share_of_oracle(&field.high),
        field.share_of_oracle(&field.least),
        field.loss_points()
    ));
    text
}
