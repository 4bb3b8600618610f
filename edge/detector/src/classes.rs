//! The 80 classes of COCO, as numbers, as names and as sets. Which of them are wanted is the caller's decision.

use std::fmt;

/// One of the 80 classes; the number is the network's own channel. `Display` gives the COCO name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(u8);

impl ClassId {
    /// How many classes there are.
    pub const COUNT: usize = NAMES.len();
    /// Class 0, a human being.
    pub const PERSON: ClassId = ClassId(0);

    /// The class with this number, if there is one.
    pub fn new(index: usize) -> Option<ClassId> {
        u8::try_from(index).ok().filter(|_| index < Self::COUNT).map(ClassId)
    }

    /// The class with this COCO name (lower case, as in `"traffic light"`), if there is one.
    pub fn from_name(name: &str) -> Option<ClassId> {
        NAMES.iter().position(|known| *known == name).and_then(ClassId::new)
    }

    /// All classes, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = ClassId> {
        (0..Self::COUNT).filter_map(ClassId::new)
    }

    /// The number, 0 to 79.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The COCO name, such as `"person"`.
    pub fn name(self) -> &'static str {
        NAMES[self.index()]
    }
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which classes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassSet(u128);

impl ClassSet {
    /// Every class.
    pub const ALL: ClassSet = ClassSet((1 << ClassId::COUNT) - 1);
    /// People only.
    pub const PERSON: ClassSet = ClassSet(1);

    /// Whether the class is in the set.
    pub fn contains(self, class: ClassId) -> bool {
        self.0 >> class.0 & 1 == 1
    }

    /// Whether nothing is looked for.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<ClassId> for ClassSet {
    fn from_iter<I: IntoIterator<Item = ClassId>>(classes: I) -> Self {
        ClassSet(classes.into_iter().fold(0, |set, class| set | 1 << class.0))
    }
}

#[rustfmt::skip]
const NAMES: [&str; 80] = [
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_number() {
        let names: std::collections::BTreeSet<_> = ClassId::all().map(ClassId::name).collect();
        assert_eq!(names.len(), 80, "names are distinct");
        for class in ClassId::all() {
            assert_eq!(ClassId::from_name(class.name()), Some(class));
            assert_eq!(class.to_string(), class.name());
        }
        // Fixed points of COCO's own list: the numbers travel with the weights.
        for (index, name) in
            [(0, "person"), (2, "car"), (16, "dog"), (56, "chair"), (67, "cell phone"), (79, "toothbrush")]
        {
            assert_eq!(ClassId::new(index).map(ClassId::name), Some(name));
        }
        assert_eq!(ClassId::new(80), None);
        assert_eq!(ClassId::new(256), None);
        assert_eq!(ClassId::from_name("Person"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let dog = ClassId::from_name("dog").unwrap();
        let set: ClassSet = [ClassId::PERSON, dog].into_iter().collect();
        assert_eq!(ClassId::all().filter(|c| set.contains(*c)).collect::<Vec<_>>(), [ClassId::PERSON, dog]);
        assert!(ClassId::all().all(|c| ClassSet::ALL.contains(c)));
        assert_eq!(ClassId::all().collect::<ClassSet>(), ClassSet::ALL);
        assert!(ClassSet::from_iter([]).is_empty());
    }
}
