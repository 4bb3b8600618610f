//! MQTT topics (MQTT 3.1.1, section 4.7): which filters there are, what stood for their wildcards, and names made of
//! it. Pure.

/// Bytes of the longest name of a sensor.
pub(crate) const NAME_BYTES_MAX: usize = 128;

/// How a subscription begins that shares its messages with others of a group: `$share/<group>/<filter>` (MQTT 5,
/// section 4.8.2; brokers grant it to older clients as well).
const SHARED: &str = "$share/";
/// And those that some brokers know besides: shared among all, and for one alone.
const OTHERWISE_SHARED: [&str; 2] = ["$queue/", "$exclusive/"];

/// Why a text is no topic filter; nothing for a good one.
pub(crate) fn filter_problem(filter: &str) -> Option<&'static str> {
    if filter.is_empty() || filter.len() > 65_535 || filter.contains('\0') {
        return Some("must be 1 to 65535 bytes without a NUL");
    }
    if let Some(shared) = filter.strip_prefix(SHARED) {
        let is_group = |group: &str| !group.is_empty() && !group.contains(['+', '#']);
        if !shared.split_once('/').is_some_and(|(group, topics)| is_group(group) && !topics.is_empty()) {
            return Some("a shared one must be $share/<group>/<filter>, the group without wildcards");
        }
    }
    let levels: Vec<&str> = unshared(filter).split('/').collect();
    for (index, level) in levels.iter().enumerate() {
        if level.contains('#') && (*level != "#" || index + 1 != levels.len()) {
            return Some("'#' must be the whole last level");
        }
        if level.contains('+') && *level != "+" {
            return Some("'+' must be a whole level");
        }
    }
    None
}

/// Wildcards of a filter.
pub(crate) fn wildcards(filter: &str) -> usize {
    unshared(filter).split('/').filter(|level| matches!(*level, "+" | "#")).count()
}

/// What a filter asks for: how the broker is to share it out is no part of a message's topic.
fn unshared(filter: &str) -> &str {
    let of_group = || filter.strip_prefix(SHARED).and_then(|shared| shared.split_once('/')).map(|(_, topics)| topics);
    let of_all = OTHERWISE_SHARED.iter().find_map(|beginning| filter.strip_prefix(beginning));
    of_all.or_else(of_group).unwrap_or(filter)
}

/// What stands for each wildcard of a filter in a topic; nothing where it does not match.
pub(crate) fn captures<'a>(filter: &str, topic: &'a str) -> Option<Vec<&'a str>> {
    let mut found = Vec::new();
    let mut rest = Some(topic);
    for level in unshared(filter).split('/') {
        if level == "#" {
            // It stands for the level above it as well.
            found.push(rest.unwrap_or_default());
            return Some(found);
        }
        let (name, after) = match rest?.split_once('/') {
            Some((name, after)) => (name, Some(after)),
            None => (rest?, None),
        };
        match level {
            "+" => found.push(name),
            level if level == name => {}
            _ => return None,
        }
        rest = after;
    }
    rest.is_none().then_some(found)
}

/// Fills a sensor's name: `{topic}` is the whole topic, `{1}` what stands for the first wildcard, and so on.
pub(crate) fn name_of(template: &str, topic: &str, captures: &[&str]) -> String {
    let mut name = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, placeholder, after)) = next_placeholder(rest) {
        name.push_str(before);
        match placeholder.parse::<usize>() {
            Ok(number) => name.push_str(number.checked_sub(1).and_then(|index| captures.get(index)).unwrap_or(&"")),
            Err(_) => name.push_str(topic),
        }
        rest = after;
    }
    name.push_str(rest);
    name
}

/// Whether a byte may be in a sensor's name. Names become values of a column and labels.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// Why a template is none for a filter with so many wildcards; nothing for a good one.
pub(crate) fn template_problem(template: &str, wildcards: usize) -> Option<String> {
    let (mut rest, mut literals) = (template, String::new());
    while let Some((before, placeholder, after)) = next_placeholder(rest) {
        let is_wildcard = placeholder.parse().is_ok_and(|number: usize| (1..=wildcards).contains(&number));
        if placeholder != "topic" && !is_wildcard {
            return Some(format!(
                "{{{placeholder}}} is neither {{topic}} nor one of {wildcards} wildcards of the topic"
            ));
        }
        literals.push_str(before);
        rest = after;
    }
    literals.push_str(rest);
    if !literals.bytes().all(is_name_byte) {
        return Some(format!("{literals:?} is not of letters, digits, '-', '_' or '.'"));
    }
    // What is filled in is known with each message; that it has room is known here.
    (literals.len() >= NAME_BYTES_MAX).then(|| format!("leaves no room within {NAME_BYTES_MAX} bytes"))
}

fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, behind) = text.split_once('{')?;
    let (placeholder, after) = behind.split_once('}')?;
    Some((before, placeholder, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_levels() {
        let of = |filter, topic| captures(filter, topic);
        assert_eq!(of("home/+/air/+", "home/attic/air/t"), Some(vec!["attic", "t"]));
        assert_eq!(of("home/#", "home/attic/air"), Some(vec!["attic/air"]));
        assert_eq!(of("home/#", "home"), Some(vec![""]));
        assert_eq!(of("#", "a/b"), Some(vec!["a/b"]));
        assert_eq!(of("home/attic", "home/attic"), Some(vec![]));
        assert_eq!(of("+/+", "/finance"), Some(vec!["", "finance"]));
        for (filter, topic) in [("home/+", "home"), ("home/+", "home/a/b"), ("a", "b"), ("a/b", "a"), ("+", "/x")] {
            assert_eq!(of(filter, topic), None, "{filter} {topic}");
        }
    }

    #[test]
    fn a_group_that_shares_a_subscription_is_no_part_of_the_topic() {
        assert_eq!(captures("$share/boxes/home/+/air", "home/attic/air"), Some(vec!["attic"]));
        assert_eq!(captures("$share/boxes/#", "home/attic"), Some(vec!["home/attic"]));
        assert_eq!(captures("$share/boxes//a", "/a"), Some(vec![]));
        assert_eq!(captures("$queue/home/+", "home/attic"), Some(vec!["attic"]));
        assert_eq!(captures("$exclusive/home/+", "home/attic"), Some(vec!["attic"]));
        assert_eq!(captures("$share/boxes/home/+", "$share/boxes/home/attic"), None);
        assert_eq!(captures("$shared/boxes/+", "$shared/boxes/a"), Some(vec!["a"]), "no group but a topic");
        assert_eq!((wildcards("$share/boxes/home/+/#"), wildcards("home/+/#")), (2, 2));
    }

    #[test]
    fn filters_are_checked() {
        for filter in ["a", "/", "a/+/b", "+/#", "#", "a//b", "$share/g/#", "$share/g//a", "$shared"] {
            assert_eq!(filter_problem(filter), None, "{filter}");
        }
        let unshared = ["", "a#", "a/#/b", "a+/b", "a\0"];
        let shared = ["$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#", "$share/g/a#"];
        for filter in unshared.into_iter().chain(shared) {
            assert!(filter_problem(filter).is_some(), "{filter:?}");
        }
    }

    #[test]
    fn names_are_filled() {
        assert_eq!(name_of("{1}_temperature", "z/attic", &["attic"]), "attic_temperature");
        assert_eq!(name_of("{topic}", "z/attic", &[]), "z/attic");
        assert_eq!(name_of("plain {", "z", &[]), "plain {");
        assert_eq!(name_of("{9}x", "z", &["attic"]), "x");
        assert_eq!(template_problem("{1}_{topic}", 1), None);
        assert!(template_problem("{2}", 1).unwrap().contains("{2}"));
        assert!(template_problem("{room}", 1).is_some());
    }

    #[test]
    fn what_stands_beside_placeholders_must_be_of_a_name() {
        for template in ["{1} air", "{1}/air", "\u{e4}{1}", "{1}}", "{1", "{topic}\n"] {
            assert!(template_problem(template, 1).unwrap().contains("letters, digits"), "{template}");
        }
        let of_bytes = |bytes: usize| template_problem(&format!("{{1}}{}", "x".repeat(bytes)), 1);
        assert_eq!(of_bytes(NAME_BYTES_MAX - 1), None);
        assert!(of_bytes(NAME_BYTES_MAX).unwrap().contains("128 bytes"));
    }
}
