//! Nothing to link: the tests of this package are in `e2e/`, the projects that they run in `projects/`.
