//! RAPL, the energy counters of processors since Intel's Sandy Bridge and AMD's Zen, as Linux shows them under
//! `class/powercap` (kernel documentation: `power/powercap/powercap.rst`; the counters: Intel SDM volume 3, "Running
//! average power limit").
//!
//! # What is added up
//!
//! Domains form a tree, and parents contain their children but for memory. So: every `package-*`, on AMD too (where
//! Linux calls the driver `intel-rapl` as well), and the `dram` below it, which lies outside of the package's number.
//! Not `core` and `uncore`, which lie within. Not `psys`, which contains the packages and on most boards is not
//! calibrated. Not `intel-rapl-mmio:*`, which is the same package seen another way.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::EnergyError;
use super::counter::Counter;
use crate::host::{Host, entries, read_name, read_text};

/// All packages of the machine with their memory.
pub(crate) struct Rapl {
    domains: Vec<Domain>,
}

struct Domain {
    energy: PathBuf,
    counter: Counter,
}

impl Rapl {
    /// Finds the domains, and reads each once.
    pub(crate) fn open(host: &Host) -> Result<Self, EnergyError> {
        let powercap = host.sys.join("class/powercap");
        let mut domains = Vec::new();
        for zone in entries(&powercap, "intel-rapl:") {
            let name = read_name(&zone.join("name")).unwrap_or_default();
            if is_counted(&zone, &name) {
                domains.push(Domain::open(&zone)?);
            }
        }
        if domains.is_empty() {
            let missing = format!("{} has no package", powercap.display());
            return Err(EnergyError::Absent { method: "rapl", missing });
        }
        Ok(Self { domains })
    }

    /// Joules of all domains since the reading before; nothing where that is not known of each.
    pub(crate) fn read(&mut self, now: Instant) -> Result<Option<f64>, EnergyError> {
        let mut sum = Some(0.0);
        for domain in &mut self.domains {
            // Every domain is read, so that all of them go on from the same moment.
            let joules = domain.counter.advance(read_energy_uj(&domain.energy)?, now);
            sum = sum.zip(joules).map(|(sum, joules)| sum + joules);
        }
        Ok(sum)
    }
}

impl Domain {
    fn open(zone: &Path) -> Result<Self, EnergyError> {
        let energy = zone.join("energy_uj");
        read_energy_uj(&energy)?;
        // Without a range a counter that goes back is a gap, which is right but rare.
        let range_uj = read_name(&zone.join("max_energy_range_uj")).and_then(|text| text.parse().ok());
        Ok(Self { energy, counter: Counter::new(range_uj) })
    }
}

/// Zones are `intel-rapl:P` and below it `intel-rapl:P:N`; both kinds lie in the class's folder.
fn is_counted(zone: &Path, name: &str) -> bool {
    let depth = zone.file_name().map_or(0, |name| name.to_string_lossy().matches(':').count());
    (depth == 1 && name.starts_with("package")) || (depth == 2 && name == "dram")
}

fn read_energy_uj(path: &Path) -> Result<u64, EnergyError> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            let pattern = PathBuf::from("/sys/class/powercap/intel-rapl:*/energy_uj");
            return Err(EnergyError::ForRootAlone { path: path.to_owned(), pattern, source });
        }
        Err(source) => return Err(EnergyError::Read { path: path.to_owned(), source }),
    };
    text.trim().parse().map_err(|_| EnergyError::garbage(path, "count of microjoules", &text))
}

#[cfg(test)]
mod tests;
