//! Which messages of the agents were seen. An agent that crashed sends again what it does not know to have arrived;
//! the second copy has the device, boot and number of the first. Within a partition the numbers of one boot only grow,
//! so the last one seen says it all.

use std::collections::BTreeMap;

use headwater_proto::batch::headers::MessageId;
use serde::{Deserialize, Serialize};

/// Boots that are remembered of a device: what a spool can still hold of earlier ones.
const BOOTS: usize = 8;

/// The last number of each boot of each device, the boot that spoke last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Seen {
    devices: BTreeMap<String, Vec<(String, u64)>>,
}

impl Seen {
    /// Notes a message, and says whether it is the first of its identity.
    pub(super) fn is_new(&mut self, id: &MessageId) -> bool {
        let boots = self.devices.entry(id.device.clone()).or_default();
        let known = boots.iter().position(|(boot, _)| *boot == id.boot);
        match known.map(|index| boots.remove(index)) {
            Some((boot, last)) => {
                let new = id.seq > last;
                boots.push((boot, last.max(id.seq)));
                new
            }
            None => {
                boots.push((id.boot.clone(), id.seq));
                let over = boots.len().saturating_sub(BOOTS);
                boots.drain(..over);
                true
            }
        }
    }

    /// Whether nothing was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(device: &str, boot: &str, seq: u64) -> MessageId {
        MessageId { device: device.into(), boot: boot.into(), seq }
    }

    #[test]
    fn a_second_copy_is_not_new_whoever_spoke_between() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&id("a", "x", 0)));
        assert!(seen.is_new(&id("b", "x", 0)));
        assert!(seen.is_new(&id("a", "x", 4)));
        assert!(!seen.is_new(&id("a", "x", 0)));
        assert!(!seen.is_new(&id("a", "x", 4)));
        assert!(seen.is_new(&id("a", "y", 0)));
        assert!(!seen.is_new(&id("a", "x", 3)));
        assert!(seen.is_new(&id("a", "x", 5)));
    }

    #[test]
    fn old_boots_are_forgotten_and_the_rest_survives_as_json() {
        let mut seen = Seen::default();
        for boot in 0..20 {
            seen.is_new(&id("a", &format!("boot-{boot}"), 7));
        }
        let restored: Seen = serde_json::from_value(serde_json::to_value(&seen).unwrap()).unwrap();
        assert_eq!(restored, seen);
        assert_eq!(restored.devices["a"].len(), BOOTS);
        assert!(!seen.is_new(&id("a", "boot-12", 7)));
        assert!(seen.is_new(&id("a", "boot-11", 7)));
    }
}
