//! What conversion could not keep, for `x-glassway-warnings` and the record.

/// Most names in the header; the record has them all.
const NAMED: usize = 24;

/// Names of fields, in the order they were met, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    dropped: Vec<String>,
    changed: Vec<String>,
}

impl Warnings {
    /// The upstream has no such thing; the call goes on without it.
    pub(super) fn dropped(&mut self, name: &str) {
        note(&mut self.dropped, name);
    }

    /// The upstream has something like it.
    pub(super) fn changed(&mut self, name: &str) {
        note(&mut self.changed, name);
    }

    /// Those of another conversion, too.
    pub fn extend(&mut self, other: &Self) {
        other.dropped.iter().for_each(|name| self.dropped(name));
        other.changed.iter().for_each(|name| self.changed(name));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.dropped.is_empty() && self.changed.is_empty()
    }

    /// For the record: `dropped seed`, `changed temperature`.
    pub fn list(&self) -> Vec<String> {
        let dropped = self.dropped.iter().map(|name| format!("dropped {name}"));
        dropped.chain(self.changed.iter().map(|name| format!("changed {name}"))).collect()
    }

    /// The header's value: `dropped=seed,logit_bias; changed=temperature`.
    pub fn header(&self) -> Option<String> {
        let part = |what: &str, names: &[String]| {
            let names: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
            (!names.is_empty()).then(|| format!("{what}={}", names.join(",")))
        };
        let parts = [part("dropped", &self.dropped), part("changed", &self.changed)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Clients choose the names of fields we do not know: only what a header may hold.
fn note(names: &mut Vec<String>, name: &str) {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "_-.[]".contains(*c);
    let name: String = name.chars().filter(fits).take(64).collect();
    if !name.is_empty() && names.len() < 1000 && !names.contains(&name) {
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_a_header() {
        let mut warnings = Warnings::default();
        assert_eq!(warnings.header(), None);
        for name in ["seed", "logit_bias", "seed", "evil\r\nx: y"] {
            warnings.dropped(name);
        }
        warnings.changed("temperature");
        let header = "dropped=seed,logit_bias,evilxy; changed=temperature";
        assert_eq!(warnings.header().as_deref(), Some(header));
        assert_eq!(warnings.list().len(), 4);
    }
}
