//! All that a test asks for, and all files that it names.

use std::path::PathBuf;

use explain::manifest::Document;

use super::{Action, JobExpect, Said, Test, What};
use crate::report::Asked;

impl Test {
    /// What is done and what is expected, in the order of the file; of what a list holds, each item.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let of_action = |action: &Action| Asked { line: action.line, field: action.field.clone() };
        let mut all: Vec<Asked> = self.actions.iter().map(of_action).collect();
        for step in &self.steps {
            step.asserts.iter().chain(&step.errors).for_each(|said| add(&mut all, said));
        }
        let expect = &self.expect;
        of_job(&mut all, &expect.job);
        for (name, job) in &expect.jobs {
            add(&mut all, name);
            of_job(&mut all, job);
        }
        expect.events.iter().for_each(|said| add(&mut all, said));
        for list in [&expect.never, &expect.always, &expect.eventually, &expect.finally] {
            list.iter().for_each(|said| add(&mut all, said));
        }
        expect.objects.iter().for_each(|said| add(&mut all, said));
        expect.absent.iter().for_each(|said| add(&mut all, said));
        expect.cron.iter().for_each(|said| add(&mut all, said));
        expect.refused.iter().for_each(|said| add(&mut all, said));
        expect.snapshot.iter().filter(|said| said.value).for_each(|said| add(&mut all, said));
        all.sort_by_key(|asked| asked.line);
        all
    }

    /// The files whose change may change how it ends: its own, its manifests, those of its actions, its golden timeline.
    pub fn files(&self) -> Vec<PathBuf> {
        let of_actions = self.actions.iter().flat_map(|action| match &action.what {
            What::Create(documents) | What::Apply(documents) => documents.as_slice(),
            _ => &[],
        });
        // What an action spells out itself has a name that is no file, which does no harm.
        let named = |document: &Document| document.source.file().map(PathBuf::from);
        let mut files = vec![PathBuf::from(&self.file)];
        files.extend(self.manifests.iter().map(|manifest| PathBuf::from(&manifest.file)));
        files.extend(self.steps.iter().flat_map(|step| step.files.iter().cloned()));
        files.extend(of_actions.filter_map(named));
        files.extend(self.expect.snapshot.iter().filter(|said| said.value).map(|_| self.snapshot.clone()));
        files
    }
}

fn of_job(all: &mut Vec<Asked>, expect: &JobExpect) {
    expect.outcome.iter().for_each(|said| add(all, said));
    expect.reason.iter().for_each(|said| add(all, said));
    expect.message.iter().for_each(|said| add(all, said));
    expect.within.iter().chain(&expect.took).for_each(|said| add(all, said));
    if let Some(attempts) = &expect.attempts {
        add(all, attempts);
        attempts.value.iter().for_each(|said| add(all, said));
    }
    expect.pods.iter().for_each(|said| add(all, said));
    expect.logs.iter().for_each(|said| add(all, said));
}

fn add<T>(all: &mut Vec<Asked>, said: &Said<T>) {
    all.push(Asked { line: said.line, field: said.field.clone() });
}
