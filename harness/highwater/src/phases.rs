//! The author's code by phase, sync or async, behind traits that the child drives in one way. Order and counting are
//! `drive`'s.

use std::marker::PhantomData;

use crate::Context;

/// Any error of the author's code: `?` turns every error into one, and so does `.into()` a text.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What makes the state that the iterations work on.
pub trait Setup {
    /// What it makes.
    type State;
    /// Makes it.
    fn call(&self, context: &Context) -> impl Future<Output = Result<Self::State, BoxError>>;
}

/// One repetition of the workload.
pub trait Iterate<S> {
    /// Runs it.
    fn call(&self, state: &mut S) -> impl Future<Output = Result<(), BoxError>>;
}

/// What checks and ends the state, after the counters have been read.
pub trait Teardown<S> {
    /// Runs it.
    fn call(&self, state: S) -> impl Future<Output = Result<(), BoxError>>;
}

/// No setup (the state is `()`), or no teardown (the state is dropped).
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

/// No iteration yet: such a scenario is not complete and no suite takes it.
#[derive(Debug, Clone, Copy)]
pub struct Undefined;

/// An async closure.
#[derive(Debug, Clone, Copy)]
pub struct Async<F, S = ()>(pub(crate) F, pub(crate) PhantomData<fn() -> S>);

/// A plain closure.
#[derive(Debug, Clone, Copy)]
pub struct Blocking<F, S = ()>(pub(crate) F, pub(crate) PhantomData<fn() -> S>);

impl Setup for Nothing {
    type State = ();
    async fn call(&self, _: &Context) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<F: AsyncFn(&Context) -> Result<S, BoxError>, S> Setup for Async<F, S> {
    type State = S;
    async fn call(&self, context: &Context) -> Result<S, BoxError> {
        (self.0)(context).await
    }
}

impl<F: Fn(&Context) -> Result<S, BoxError>, S> Setup for Blocking<F, S> {
    type State = S;
    async fn call(&self, context: &Context) -> Result<S, BoxError> {
        (self.0)(context)
    }
}

impl<F: AsyncFn(&mut S) -> Result<(), BoxError>, S> Iterate<S> for Async<F> {
    async fn call(&self, state: &mut S) -> Result<(), BoxError> {
        (self.0)(state).await
    }
}

impl<F: Fn(&mut S) -> Result<(), BoxError>, S> Iterate<S> for Blocking<F> {
    async fn call(&self, state: &mut S) -> Result<(), BoxError> {
        (self.0)(state)
    }
}

impl<S> Teardown<S> for Nothing {
    async fn call(&self, _: S) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<F: AsyncFn(S) -> Result<(), BoxError>, S> Teardown<S> for Async<F> {
    async fn call(&self, state: S) -> Result<(), BoxError> {
        (self.0)(state).await
    }
}

impl<F: Fn(S) -> Result<(), BoxError>, S> Teardown<S> for Blocking<F> {
    async fn call(&self, state: S) -> Result<(), BoxError> {
        (self.0)(state)
    }
}
