//! An answer made by hand that is described like another payload: for bodies with
//! Range, for streams, for JSON that is already text.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

/// Sends a response, documents `P`.
pub(super) struct Raw<P>(Response, PhantomData<fn() -> P>);

impl<P> From<Response> for Raw<P> {
    fn from(response: Response) -> Self {
        Self(response, PhantomData)
    }
}

impl<P> IntoResponse for Raw<P> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<P: ApiResponse> ApiResponse for Raw<P> {
    fn meta() -> MetaResponses {
        P::meta()
    }

    fn register(registry: &mut Registry) {
        P::register(registry);
    }
}
