//! The files that a profile is drawn as, beside it in its scenario's folder. Their content is `highwater-report`'s, and removing those
//! of an earlier run `highwater`'s.

use std::io;
use std::path::{Path, PathBuf};

use highwater_model::TopSites;
use highwater_profile::{Measure, Profile};
use highwater_report::{FlamegraphError, ProfileFile, differential_flamegraph, flamegraph, folded, write_pprof};

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write {}: {cause}", path.display())]
pub(crate) struct DrawError {
    /// The file.
    path: PathBuf,
    /// Why.
    cause: io::Error,
}

/// What was drawn of a profile.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// The files, that of the profile last.
    pub(crate) files: Vec<ProfileFile>,
    /// What is not drawn, a sentence each.
    pub(crate) not_drawn: Vec<String>,
}

/// Draws a profile, whose path from the root is `shown`, for each measure and beside the sites of a baseline if there are any. `name` is
/// the scenario's.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn draw(
    root: &Path,
    shown: &Path,
    name: &str,
    profile: &Profile,
    then: Option<&TopSites>,
) -> Result<Drawn, DrawError> {
    let mut drawing = Drawing { root, shown, drawn: Drawn::default() };
    for (word, measure) in [("peak", Measure::Peak), ("retained", Measure::Retained)] {
        drawing.picture(&format!("{word}.svg"), word, |svg| {
            flamegraph(profile, measure, &format!("{name}: {word}"), svg)
        })?;
        if let Some(then) = then {
            let list = if measure == Measure::Peak { &then.peak } else { &then.retained };
            drawing.picture(&format!("{word}-diff.svg"), word, |svg| {
                let title = format!("{name}: {word}, red grew since the baseline and blue shrank");
                differential_flamegraph(list, profile, measure, &title, svg)
            })?;
        }
    }
    for (word, measure) in [("peak", Measure::Peak), ("retained", Measure::Retained)] {
        let content = folded(profile, measure);
        drawing.file(&format!("{word}.folded"), content.as_bytes(), |_| "https://www.speedscope.app".to_owned())?;
    }
    let mut pprof = Vec::new();
    let file = "profile.pb.gz";
    write_pprof(profile, name, &mut pprof).map_err(|cause| drawing.failed(file, cause))?;
    drawing.file(file, &pprof, |path| format!("go tool pprof -top -sample_index=peak_space {path}"))?;
    drawing.tell(shown, "https://nnethercote.github.io/dh_view/dh_view.html".to_owned());
    Ok(drawing.drawn)
}

/// A profile while it is drawn.
#[derive(Debug)]
struct Drawing<'a> {
    root: &'a Path,
    /// The profile's path from the root.
    shown: &'a Path,
    drawn: Drawn,
}

impl Drawing<'_> {
    /// Writes a flamegraph, unless nothing is in it.
    fn picture(
        &mut self,
        name: &str,
        word: &str,
        draw: impl FnOnce(&mut Vec<u8>) -> Result<(), FlamegraphError>,
    ) -> Result<(), DrawError> {
        let mut svg = Vec::new();
        match draw(&mut svg) {
            Ok(()) => self.file(name, &svg, |path| format!("xdg-open {path}")),
            Err(FlamegraphError::Write(cause)) => Err(self.failed(name, cause)),
            Err(_) => {
                self.drawn.not_drawn.push(format!("{name} is not drawn: no site holds a byte by {word}"));
                Ok(())
            }
        }
    }

    fn file(&mut self, name: &str, content: &[u8], opened_by: impl Fn(&str) -> String) -> Result<(), DrawError> {
        let shown = self.shown.with_file_name(name);
        std::fs::write(self.root.join(&shown), content).map_err(|cause| self.failed(name, cause))?;
        let opened_by = opened_by(&shown.display().to_string());
        self.tell(&shown, opened_by);
        Ok(())
    }

    fn tell(&mut self, path: &Path, opened_by: String) {
        self.drawn.files.push(ProfileFile { path: path.display().to_string(), opened_by });
    }

    fn failed(&self, name: &str, cause: io::Error) -> DrawError {
        DrawError { path: self.shown.with_file_name(name), cause }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use highwater::DRAWN_FROM_PROFILE;
    use highwater_model::Amount;
    use highwater_profile::{Amounts, RawFrame, RawStack, Workspace};

    use super::*;

    fn profile(peak: i64, retained: i64) -> Profile {
        let frame =
            RawFrame { function: Some("worker::sync".into()), file: Some("/w/src/sync.rs".into()), line: Some(7) };
        let amount = |bytes| Amount { blocks: 1, bytes };
        let amounts = Amounts { total: amount(peak), peak: amount(peak), retained: amount(retained) };
        Profile::new([RawStack { frames: vec![Arc::new(frame)], amounts }], &Workspace::new("/w", ["worker"]))
    }

    /// The names of the files in a folder.
    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn all_that_is_drawn_is_what_a_new_profile_removes() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("t")).unwrap();
        let (profile, shown) = (profile(700, 100), Path::new("t/profile.dhat.json"));
        let drawn = draw(root.path(), shown, "worker/paged", &profile, Some(&profile.top())).unwrap();
        assert_eq!(names(&root.path().join("t")), DRAWN_FROM_PROFILE.map(str::to_owned).into());
        assert_eq!(drawn.not_drawn, Vec::<String>::new());
        assert_eq!(drawn.files.len(), DRAWN_FROM_PROFILE.len() + 1, "the profile itself is told as well");
        assert_eq!(drawn.files[0].opened_by, "xdg-open t/peak.svg");
    }

    #[test]
    fn a_picture_of_nothing_is_not_drawn_and_it_is_said() {
        let root = tempfile::tempdir().unwrap();
        let drawn = draw(root.path(), Path::new("profile.dhat.json"), "worker/paged", &profile(700, 0), None).unwrap();
        assert_eq!(drawn.not_drawn, ["retained.svg is not drawn: no site holds a byte by retained"]);
        let expected = ["peak.folded", "peak.svg", "profile.pb.gz", "retained.folded"];
        assert_eq!(names(root.path()), expected.map(str::to_owned).into());
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_with_the_file() {
        let error = draw(Path::new("/no/such"), Path::new("p"), "worker/paged", &profile(1, 1), None).unwrap_err();
        assert!(error.to_string().starts_with("failed to write peak.svg: "), "{error}");
    }
}
