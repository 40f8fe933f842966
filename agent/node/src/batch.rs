//! Steps of a stage's requests, taken together (continuous batching): whoever waits with a next token while a step runs
//! goes into the next one, so that the weights are read once for all. What a request gets is, bit for bit, what it
//! would get alone ([`engine::model::APART`]): an answer does not depend on who else asks.
//!
//! There is no thread of its own: the request whose step is first in the queue leads, computes for all that go with it,
//! and hands the lead to the next one.

use crate::clock;
use crate::shared::lock;
use crate::steps::{Steps, Took};
use engine::model::{APART, Chunk, Input, Want};
use engine::{EngineError, Sequence, Stage, Token, Workspace};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Who had a token a moment ago will want the next one: waited for as long as this share of the last step, at most so
/// many seconds.
const LULL_SHARE: f64 = 0.125;
const LULL_S: f64 = 5e-3;
/// Steps without waiting after a wait in vain: those go through other devices before they come back.
const PATIENCE: u32 = 16;

/// What goes in, owned, as another thread may compute it.
enum Given {
    Tokens(Vec<Token>),
    Hidden(Vec<f32>),
}

impl Given {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Tokens(tokens) => Input::Tokens(tokens),
            Self::Hidden(states) => Input::Hidden(states),
        }
    }

    fn is_one(&self, hidden: usize) -> bool {
        match self {
            Self::Tokens(tokens) => tokens.len() == 1,
            Self::Hidden(states) => states.len() == hidden,
        }
    }
}

struct Job {
    sequence: Sequence,
    given: Given,
    want: Want,
    tell: Sender<Word>,
}

/// What a waiting request hears.
enum Word {
    /// Its step is done, by another.
    Done(Sequence, Result<Vec<f32>, EngineError>),
    /// Its turn to compute.
    Lead,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Somebody leads.
    led: bool,
    /// Requests that had a step and have not come back.
    away: usize,
    /// When the last step ended, and how long it took, s.
    ended_s: f64,
    step_s: f64,
    /// Steps for which nobody is waited for.
    hurry: u32,
    /// Steps, and the rows of them all.
    counts: (u64, u64),
    /// Those that appended one token to each sequence, since the last window.
    steps: Steps,
}

/// The queue of a stage.
#[derive(Default)]
pub(crate) struct Batch {
    state: Mutex<State>,
    came: Condvar,
    work: Mutex<Workspace>,
}

/// Hands the lead on when a leader is done, or has panicked.
struct Leader<'b>(&'b Batch);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        while let Some(next) = state.queue.front() {
            if next.tell.send(Word::Lead).is_ok() {
                return;
            }
            // Its thread is gone.
            state.queue.pop_front();
        }
        state.led = false;
    }
}

impl Batch {
    /// One step of one request. `sequence` comes back, with what was appended.
    ///
    /// # Errors
    /// The engine's, about this request's own input.
    pub(crate) fn step(
        &self,
        stage: &Stage,
        sequence: &mut Option<Sequence>,
        input: Input<'_>,
        want: Want,
    ) -> Result<Vec<f32>, EngineError> {
        let lost = || EngineError::Input("a step before this one broke off".into());
        let given = match input {
            Input::Tokens(tokens) => Given::Tokens(tokens.to_vec()),
            Input::Hidden(states) => Given::Hidden(states.to_vec()),
        };
        let (tell, hear) = channel();
        let job = Job { sequence: sequence.take().ok_or_else(lost)?, given, want, tell };
        if let Word::Done(back, result) = self.enter(job, &hear).ok_or_else(lost)? {
            *sequence = Some(back);
            return result;
        }
        let leader = Leader(self);
        let mut jobs = self.gather(stage.config().hidden);
        let results = self.compute(stage, &mut jobs);
        let mut mine = None;
        for (i, (job, result)) in jobs.into_iter().zip(results).enumerate() {
            // The leader's own is the first.
            if i == 0 {
                mine = Some((job.sequence, result));
            } else {
                // Who is gone needs none.
                let _ = job.tell.send(Word::Done(job.sequence, result));
            }
        }
        drop(leader);
        let (back, result) = mine.ok_or_else(lost)?;
        *sequence = Some(back);
        result
    }

    /// A request ends: nobody waits for its next token.
    pub(crate) fn leave(&self) {
        let mut state = lock(&self.state);
        state.away = state.away.saturating_sub(1);
        drop(state);
        self.came.notify_all();
    }

    /// Counts a step that went by itself: halves of a stage that two devices share go with their partner's, not with
    /// other requests.
    pub(crate) fn stepped_alone(&self) {
        let mut state = lock(&self.state);
        state.counts = (state.counts.0 + 1, state.counts.1 + 1);
    }

    /// Steps so far, and the requests in all of them.
    pub(crate) fn counts(&self) -> (u64, u64) {
        lock(&self.state).counts
    }

    /// So many steps of so many sequences took so long each, beside this queue: samples of one answer go alone.
    pub(crate) fn took(&self, rows: usize, steps: usize, step_s: f64) {
        lock(&self.state).steps.took(rows, steps, step_s);
    }

    /// What steps took since the last call.
    pub(crate) fn lap(&self) -> Option<Took> {
        lock(&self.state).steps.lap()
    }

    /// Puts a step into the queue; the word for it, which is `Lead` at once where nobody leads.
    fn enter(&self, job: Job, hear: &Receiver<Word>) -> Option<Word> {
        {
            let mut state = lock(&self.state);
            state.away = state.away.saturating_sub(1);
            state.queue.push_back(job);
            if !state.led {
                state.led = true;
                return Some(Word::Lead);
            }
        }
        self.came.notify_all();
        hear.recv().ok()
    }

    /// The leader's step, and those that go with it: of the next tokens as many as come out as alone; a longer piece
    /// of a text goes alone.
    fn gather(&self, hidden: usize) -> Vec<Job> {
        let mut state = lock(&self.state);
        if state.hurry > 0 {
            state.hurry -= 1;
        } else if state.queue.front().is_some_and(|j| j.given.is_one(hidden)) {
            let until = state.ended_s + (LULL_SHARE * state.step_s).min(LULL_S);
            while state.away > 0 && state.queue.len() < APART {
                let left = until - clock::seconds();
                if left <= 0.0 {
                    state.hurry = PATIENCE;
                    break;
                }
                let waited = self.came.wait_timeout(state, Duration::from_secs_f64(left));
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        let mut jobs: Vec<Job> = state.queue.pop_front().into_iter().collect();
        if jobs.first().is_some_and(|j| j.given.is_one(hidden)) {
            let mut rest = VecDeque::with_capacity(state.queue.len());
            for job in std::mem::take(&mut state.queue) {
                if jobs.len() < APART && job.given.is_one(hidden) { jobs.push(job) } else { rest.push_back(job) }
            }
            state.queue = rest;
        }
        jobs
    }

    fn compute(&self, stage: &Stage, jobs: &mut [Job]) -> Vec<Result<Vec<f32>, EngineError>> {
        let began = clock::seconds();
        let mut work = lock(&self.work);
        let widths: Vec<usize> = jobs.iter().map(|j| width(stage, j)).collect();
        let results = match forward(stage, jobs, &mut work) {
            Ok(all) if jobs.len() > 1 => {
                let mut rest = all.as_slice();
                let part = |width: &usize| {
                    let (one, others) = rest.split_at((*width).min(rest.len()));
                    rest = others;
                    Ok(one.to_vec())
                };
                widths.iter().map(part).collect()
            }
            Ok(all) => vec![Ok(all)],
            Err(e) if jobs.len() == 1 => vec![Err(e)],
            // One of them has no room left, say; nothing was appended, so each hears of itself.
            Err(_) => jobs.iter_mut().map(|j| forward(stage, std::slice::from_mut(j), &mut work)).collect(),
        };
        drop(work);
        let mut state = lock(&self.state);
        state.away += jobs.len();
        state.ended_s = clock::seconds();
        state.step_s = state.ended_s - began;
        state.counts = (state.counts.0 + 1, state.counts.1 + jobs.len() as u64);
        if results.iter().all(Result::is_ok) && jobs.iter().all(|j| j.given.is_one(stage.config().hidden)) {
            let step_s = state.step_s;
            state.steps.took(jobs.len(), 1, step_s);
        }
        results
    }
}

/// Numbers that come of a step of one row.
fn width(stage: &Stage, job: &Job) -> usize {
    match (stage.part().head, job.want) {
        (true, Want::Nothing) => 0,
        (true, _) => stage.config().vocab,
        (false, _) => stage.config().hidden,
    }
}

fn forward(stage: &Stage, jobs: &mut [Job], work: &mut Workspace) -> Result<Vec<f32>, EngineError> {
    let chunk = |j| {
        let Job { sequence, given, want, .. }: &mut Job = j;
        Chunk { sequence, input: given.input(), want: *want }
    };
    stage.forward(&mut jobs.iter_mut().map(chunk).collect::<Vec<_>>(), work)
}

#[cfg(test)]
mod tests;
