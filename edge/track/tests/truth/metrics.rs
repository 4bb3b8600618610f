//! How good a tracking is: CLEAR MOT (Bernardin and Stiefelhagen 2008) and IDF1 (Ristani et al. 2016).

use std::collections::BTreeMap;

/// A true and a tracked box belong together from this overlap on. True boxes of footage are drawn by eye.
const OVERLAP_MIN: f32 = 0.4;

/// x1, y1, x2, y2.
pub(crate) type Corners = [f32; 4];

/// One who is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Present {
    pub(crate) person: usize,
    pub(crate) corners: Corners,
    /// Who is hidden need not be found, and may be.
    pub(crate) hidden: bool,
}

/// Gathers frame by frame.
#[derive(Debug, Default)]
pub(crate) struct Score {
    present: usize,
    tracked: usize,
    matched: usize,
    switches: usize,
    last_id: BTreeMap<usize, u64>,
    together: BTreeMap<(usize, u64), usize>,
}

impl Score {
    pub(crate) fn add(&mut self, truth: &[Present], tracks: &[(u64, Corners)]) {
        let pairs = self.pairs(truth, tracks);
        let hidden = truth.iter().filter(|present| present.hidden).count();
        let on_hidden = pairs.iter().filter(|(person, _)| truth[*person].hidden).count();
        self.present += truth.len() - hidden;
        self.tracked += tracks.len() - on_hidden;
        for (person, track) in pairs {
            let (present, id) = (truth[person], tracks[track].0);
            if present.hidden {
                continue;
            }
            self.matched += 1;
            let before = self.last_id.insert(present.person, id);
            self.switches += usize::from(before.is_some_and(|before| before != id));
            *self.together.entry((present.person, id)).or_default() += 1;
        }
    }

    /// A pair of the frame before goes on where it can; then the greatest overlap goes first.
    fn pairs(&self, truth: &[Present], tracks: &[(u64, Corners)]) -> Vec<(usize, usize)> {
        let mut candidates = Vec::new();
        for (person, present) in truth.iter().enumerate() {
            for (track, (id, corners)) in tracks.iter().enumerate() {
                let overlap = overlap(present.corners, *corners);
                let goes_on = self.last_id.get(&present.person) == Some(id);
                if overlap >= OVERLAP_MIN {
                    candidates.push((goes_on, overlap, person, track));
                }
            }
        }
        candidates.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (.., person, track) in candidates {
            if pairs.iter().all(|pair| pair.0 != person && pair.1 != track) {
                pairs.push((person, track));
            }
        }
        pairs
    }

    pub(crate) fn switches(&self) -> usize {
        self.switches
    }

    pub(crate) fn mota(&self) -> f64 {
        let missed = self.present - self.matched;
        let invented = self.tracked - self.matched;
        1.0 - (missed + invented + self.switches) as f64 / self.present as f64
    }

    /// The share of frames in which a person has the one id that suits them best, as an F score.
    pub(crate) fn idf1(&self) -> f64 {
        2.0 * self.best_together() as f64 / (self.present + self.tracked) as f64
    }

    /// The most frames that persons and ids can have together, each with one: over all sets of persons.
    fn best_together(&self) -> usize {
        let mut persons: Vec<usize> = self.together.keys().map(|(person, _)| *person).collect();
        persons.dedup();
        let mut ids: Vec<u64> = self.together.keys().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut best = vec![0; 1 << persons.len()];
        for id in ids {
            // From the fullest set down, so that an id is given once.
            for set in (0..best.len()).rev() {
                for (bit, person) in persons.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1) {
                    let frames = self.together.get(&(*person, id)).copied().unwrap_or(0);
                    best[set] = best[set].max(best[set & !(1 << bit)] + frames);
                }
            }
        }
        best.last().copied().unwrap_or(0)
    }
}

fn overlap(a: Corners, b: Corners) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |c: Corners| (c[2] - c[0]) * (c[3] - c[1]);
    width * height / (area(a) + area(b) - width * height)
}

#[test]
fn scores_are_those_worked_out_by_hand() {
    let at = |x: f32| [x, 0.0, x + 10.0, 20.0];
    let truth = |a: f32, b: f32| [(0, a), (1, b)].map(|(person, x)| Present { person, corners: at(x), hidden: false });
    let mut score = Score::default();
    // Four frames; the ids change places after two; in the last one is missed and one invented.
    for frame in 0..4 {
        let ids = if frame < 2 { [7, 8] } else { [8, 7] };
        let second = if frame == 3 { at(500.0) } else { at(100.0) };
        score.add(&truth(0.0, 100.0), &[(ids[0], at(0.0)), (ids[1], second)]);
    }
    assert_eq!(score.switches(), 2);
    assert!((score.mota() - (1.0 - (1 + 1 + 2) as f64 / 8.0)).abs() < 1e-9);
    // Either way round a pair of ids has four frames of eight on both sides.
    assert!((score.idf1() - 2.0 * 4.0 / 16.0).abs() < 1e-9);
}
