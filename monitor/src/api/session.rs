//! Signing in, seeing that one is, signing out.

use std::sync::Arc;

use glassway_shared::store::settings::Settings;
use jiff::Timestamp;
use poem::{Result, http::header, web::Data};
use poem_openapi::{
    ApiRequest, ApiResponse, Enum, Object, OpenApi,
    payload::{Form, Json, Response},
};
use serde::Deserialize;

use super::{Tag, shape::Time};
use crate::{
    app::App,
    auth::{self, COOKIE, Client, SESSION_SECONDS, Who},
};

pub(super) struct Operations(pub(super) Arc<App>);

/// What signs a person in.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Credentials {
    /// The admin key.
    #[oai(validator(max_length = 1024))]
    api_key: String,
}

/// The OAuth2 password form, as generated clients send it.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordForm {
    /// Always `password`, where it is sent.
    grant_type: Option<String>,
    /// Ignored: there is one admin.
    username: String,
    /// The admin key.
    password: String,
    /// Ignored.
    scope: Option<String>,
    /// Ignored.
    client_id: Option<String>,
    /// Ignored.
    client_secret: Option<String>,
}

#[derive(ApiRequest)]
enum SignIn {
    Json(Json<Credentials>),
    Form(Form<PasswordForm>),
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum TokenType {
    Bearer,
}

/// A session.
#[derive(Object)]
struct Token {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    token_type: TokenType,
    /// Seconds.
    expires_in: i64,
}

/// Who is asking.
#[derive(Object)]
struct Session {
    /// Always true; otherwise the answer is 401.
    signed_in: bool,
    /// `null` for the admin key itself, which does not expire.
    expires_at: Option<Time>,
}

#[derive(ApiResponse)]
enum SignedOut {
    /// Signed out.
    #[oai(status = 204)]
    Done(#[oai(header = "Set-Cookie")] String),
}

#[OpenApi(tag = "Tag::Session")]
impl Operations {
    /// Sign in
    ///
    /// With the admin key, as JSON or as an OAuth2 form. The answer also sets a cookie.
    #[oai(path = "/token", method = "post", operation_id = "signIn")]
    async fn sign_in(
        &self,
        client: Data<&Client>,
        user_agent: UserAgent,
        body: SignIn,
    ) -> Result<Response<Json<Token>>> {
        let key = match body {
            SignIn::Json(Json(credentials)) => credentials.api_key,
            SignIn::Form(Form(form)) => form.password,
        };
        self.0.auth.sign_in(key, *client.0).await?;
        let token = auth::new_token();
        let hash = auth::token_hash(&token);
        let now = Timestamp::now().as_second();
        let from = format!("{} {}", client.0.0, user_agent.0);
        let add = move |settings: &mut Settings| {
            settings.add_session(&hash, now, now + SESSION_SECONDS, &from)
        };
        self.0.write(add).await?;
        let cookie = self.cookie(&token, SESSION_SECONDS);
        Ok(Response::new(Json(Token {
            access_token: token,
            token_type: TokenType::Bearer,
            expires_in: SESSION_SECONDS,
        }))
        .header(header::SET_COOKIE, cookie))
    }

    /// See whether one is signed in
    #[oai(path = "/api/session", method = "get", operation_id = "readSession")]
    async fn read(&self, who: Data<&Who>) -> Json<Session> {
        let expires_at = match who.0 {
            Who::AdminKey { .. } => None,
            Who::Session { expires_at, .. } => Timestamp::from_second(*expires_at).ok().map(Time),
        };
        Json(Session { signed_in: true, expires_at })
    }

    /// Sign out
    ///
    /// Ends the session that asks and clears the cookie.
    #[oai(path = "/api/session", method = "delete", operation_id = "signOut")]
    async fn sign_out(&self, who: Data<&Who>) -> Result<SignedOut> {
        if let Who::Session { hash, .. } = *who.0 {
            let _ = self.0.write(move |settings| settings.end_session(&hash)).await?;
        }
        Ok(SignedOut::Done(self.cookie("", 0)))
    }
}

impl Operations {
    fn cookie(&self, value: &str, seconds: i64) -> String {
        let public = &self.0.config.monitor.public_url;
        let secure = match self.0.is_tls() || public.starts_with("https://") {
            true => "; Secure",
            false => "",
        };
        format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
    }
}

/// Said by the client of itself; shown to the person beside the session.
struct UserAgent(String);

impl<'a> poem::FromRequest<'a> for UserAgent {
    async fn from_request(
        request: &'a poem::Request,
        _body: &mut poem::RequestBody,
    ) -> Result<Self> {
        let name = request.header(header::USER_AGENT.as_str()).unwrap_or_default();
        Ok(Self(name.chars().take(200).collect()))
    }
}
