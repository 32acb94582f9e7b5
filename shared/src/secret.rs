//! Upstream keys at rest: sealed by whoever has the public key (the monitor), opened
//! only by whoever has the private one (the proxy). HPKE base mode, RFC 9180, with
//! X25519, HKDF-SHA256 and AES-256-GCM.
//!
//! A sealed key is bound to where it may be sent: opening it for another key id,
//! provider, kind or origin fails, so that a changed address cannot draw a key out.

use std::fmt;

use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal,
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

type Kem = X25519HkdfSha256;

/// Separates our use of HPKE from any other of the same key pair.
const INFO: &[u8] = b"glassway upstream key v1";
/// Bytes of the encapsulated key before the ciphertext.
const ENCAPPED: usize = 32;

/// An upstream key in the clear. Neither printable nor serializable, and wiped when
/// dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(text.into_bytes().into_boxed_slice())
    }

    /// For the one header it goes into.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Stands for the provider of a key that belongs to none: it comes along with its one
/// request, and `key_id` names what it was sealed for. Rows begin at 1.
pub const BROUGHT: i64 = 0;

/// What a sealed key is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The key's row.
    pub key_id: i64,
    /// Its provider's row.
    pub provider_id: i64,
    /// The provider's dialect.
    pub kind: &'a str,
    /// `scheme://host:port` of the provider.
    pub origin: &'a str,
}

impl Binding<'_> {
    fn bytes(&self) -> Vec<u8> {
        let Self { key_id, provider_id, kind, origin } = self;
        format!("{key_id}\n{provider_id}\n{kind}\n{origin}").into_bytes()
    }
}

/// `scheme://host:port` of a base URL, the port always written.
pub fn origin(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}:{}", url.scheme(), url.port_or_known_default().unwrap_or(0))
}

/// The half that seals.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// The half that opens; only the proxy ever has it.
pub struct PrivateKey(Zeroizing<[u8; 32]>);

/// A sealed key could not be opened: another private key, another binding, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key was sealed for another address or with another private key: paste it again")]
pub struct CannotOpen;

/// Bytes that are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key: 32 bytes, or 64 hexadecimal digits, are expected")]
pub struct NotAKey;

impl PublicKey {
    /// From its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAKey> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| NotAKey)?;
        <Kem as hpke::Kem>::PublicKey::from_bytes(&bytes).map_err(|_| NotAKey)?;
        Ok(Self(bytes))
    }

    /// 64 hexadecimal digits, for the link.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals a key; only the holder of the private half can open it, and only for the
    /// same binding.
    pub fn seal(&self, binding: Binding<'_>, secret: &Secret) -> Vec<u8> {
        let key = <Kem as hpke::Kem>::PublicKey::from_bytes(&self.0)
            .expect("checked when it was constructed");
        let (encapped, ciphertext) = single_shot_seal::<AesGcm256, HkdfSha256, Kem>(
            &OpModeS::Base,
            &key,
            INFO,
            secret.expose(),
            &binding.bytes(),
        )
        .expect("sealing a short text with a valid key cannot fail");
        let mut sealed = encapped.to_bytes().to_vec();
        sealed.extend(ciphertext);
        sealed
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey")
    }
}

impl PrivateKey {
    /// A new key pair.
    pub fn generate() -> Self {
        let (private, _) = Kem::gen_keypair();
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&private.to_bytes());
        Self(bytes)
    }

    /// From 64 hexadecimal digits, as files and variables hold it.
    pub fn from_hex(text: &str) -> Result<Self, NotAKey> {
        let text = text.trim().as_bytes();
        if text.len() != 64 {
            return Err(NotAKey);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, pair) in bytes.iter_mut().zip(text.chunks(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(NotAKey);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        <Kem as hpke::Kem>::PrivateKey::from_bytes(&bytes[..]).map_err(|_| NotAKey)?;
        Ok(Self(bytes))
    }

    /// 64 hexadecimal digits, for the file.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        let public = Kem::sk_to_pk(&self.key());
        PublicKey(public.to_bytes().into())
    }

    /// Opens what was sealed to the public half for this binding.
    pub fn open(&self, binding: Binding<'_>, sealed: &[u8]) -> Result<Secret, CannotOpen> {
        let (encapped, ciphertext) = sealed.split_at_checked(ENCAPPED).ok_or(CannotOpen)?;
        let encapped =
            <Kem as hpke::Kem>::EncappedKey::from_bytes(encapped).map_err(|_| CannotOpen)?;
        let text = single_shot_open::<AesGcm256, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.key(),
            &encapped,
            INFO,
            ciphertext,
            &binding.bytes(),
        )
        .map_err(|_| CannotOpen)?;
        Ok(Secret(text.into_boxed_slice()))
    }

    fn key(&self) -> <Kem as hpke::Kem>::PrivateKey {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(&self.0[..])
            .expect("checked when it was constructed")
    }
}

/// Tells two keys apart without telling either: keyed with a random value of this
/// database.
pub fn fingerprint(pepper: &[u8; 32], secret: &Secret) -> [u8; 32] {
    *blake3::keyed_hash(pepper, secret.expose()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDING: Binding<'static> =
        Binding { key_id: 7, provider_id: 1, kind: "openai", origin: "https://a.example:443" };

    fn secret() -> Secret {
        Secret::new("sk-abcdefghijklmnopqrstuvwxyz".into())
    }

    #[test]
    fn opens_only_with_its_own_private_key_and_binding() {
        let private = PrivateKey::generate();
        let sealed = private.public().seal(BINDING, &secret());
        assert!(!sealed.windows(8).any(|w| w == b"abcdefgh"));
        assert_eq!(private.open(BINDING, &sealed).unwrap().expose(), secret().expose());
        for other in [
            Binding { key_id: 8, ..BINDING },
            Binding { provider_id: 2, ..BINDING },
            Binding { kind: "azure", ..BINDING },
            Binding { origin: "https://evil.example:443", ..BINDING },
        ] {
            assert!(private.open(other, &sealed).is_err());
        }
        assert!(PrivateKey::generate().open(BINDING, &sealed).is_err());
        assert_ne!(private.public().seal(BINDING, &secret()), sealed, "never the same twice");
    }

    #[test]
    fn travels_as_hex_and_refuses_what_is_no_key() {
        let private = PrivateKey::generate();
        let again = PrivateKey::from_hex(&private.to_hex()).unwrap();
        assert_eq!(again.public(), private.public());
        assert!(PrivateKey::from_hex("abc").is_err());
        assert!(PrivateKey::from_hex(&"zz".repeat(32)).is_err());
        assert!(PublicKey::from_bytes(&[1; 31]).is_err());
    }

    #[test]
    fn origins_always_name_the_port() {
        let of = |url: &str| origin(&url.parse().unwrap());
        assert_eq!(of("https://a.example/v1"), "https://a.example:443");
        assert_eq!(of("http://[::1]:8000"), "http://[::1]:8000");
    }

    proptest::proptest! {
        #[test]
        fn damage_never_opens_nor_panics(bytes: Vec<u8>, at: usize, flip in 1u8..) {
            let private = PrivateKey::generate();
            assert!(private.open(BINDING, &bytes).is_err());
            let mut sealed = private.public().seal(BINDING, &secret());
            let at = at % sealed.len();
            sealed[at] ^= flip;
            assert!(private.open(BINDING, &sealed).is_err());
        }
    }
}
