//! Removing what processes that were killed left on the engine: containers and images with our label whose owner is gone.

use std::collections::HashMap;

use highwater::ServiceError;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error;
use testcontainers::bollard::models::ContainerSummaryStateEnum;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
};

use crate::owner::{LABEL, Owner, find};

/// Removes what belongs to nobody.
pub(crate) async fn sweep(docker: &Docker) -> Result<(), ServiceError> {
    let failed = |error: Error| ServiceError::new("remove containers that were left behind", error);
    let us = Owner::this();
    let ours = HashMap::from([("label", vec![LABEL])]);
    let is_left = |labels: Option<&HashMap<String, String>>, has_ended: bool| {
        // A label of another form is another version's.
        let owner = labels.and_then(|labels| labels.get(LABEL)).and_then(|label| Owner::parse(label));
        owner.is_some_and(|owner| owner.is_gone(&us, has_ended, find))
    };

    let containers = ListContainersOptionsBuilder::new().all(true).filters(&ours).build();
    for container in docker.list_containers(Some(containers)).await.map_err(failed)? {
        let has_ended =
            matches!(container.state, Some(ContainerSummaryStateEnum::EXITED | ContainerSummaryStateEnum::DEAD));
        if let (Some(id), true) = (&container.id, is_left(container.labels.as_ref(), has_ended)) {
            remove_container(docker, id).await.map_err(failed)?;
        }
    }
    let images = ListImagesOptionsBuilder::new().filters(&ours).build();
    for image in docker.list_images(Some(images)).await.map_err(failed)? {
        // An image has no state: that of somebody whom we cannot see stays.
        if is_left(Some(&image.labels), false) {
            remove_image(docker, &image.id).await.map_err(failed)?;
        }
    }
    Ok(())
}

/// Removes the containers of this process.
pub(crate) async fn remove_own(docker: &Docker) -> Result<(), Error> {
    let own = HashMap::from([("label", vec![format!("{LABEL}={}", Owner::this())])]);
    let containers = ListContainersOptionsBuilder::new().all(true).filters(&own).build();
    for container in docker.list_containers(Some(containers)).await? {
        remove_container(docker, container.id.as_deref().unwrap_or_default()).await?;
    }
    Ok(())
}

/// Removes a container, running or not, with its volumes.
pub(crate) async fn remove_container(docker: &Docker, name: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    unless_gone(docker.remove_container(name, Some(options)).await)
}

/// Removes an image with all of its names.
pub(crate) async fn remove_image(docker: &Docker, name: &str) -> Result<(), Error> {
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    unless_gone(docker.remove_image(name, Some(options), None).await.map(drop))
}

/// Somebody else may remove it at the same time: then there is none (404), or that is under way (409).
fn unless_gone(removed: Result<(), Error>) -> Result<(), Error> {
    match removed {
        Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        other => other,
    }
}
