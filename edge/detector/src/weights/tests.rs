//! Tests of reading weights: each way in which a file can be wrong gives an error that names file and tensor.

use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::*;
use crate::architecture::convolutions;
use crate::{DetectOptions, Detector, Engine, LoadOptions, RgbFrame, bundled_weights};

const HEADER_BYTES: usize = 8 + 5976;

/// The bundled file with one tensor replaced, or left out.
fn with_tensor(name: &str, replacement: Option<(Dtype, Vec<usize>, Vec<u8>)>) -> Vec<u8> {
    let file = SafeTensors::deserialize(bundled_weights()).unwrap();
    assert!(file.tensor(name).is_ok());
    let mut tensors: Vec<_> = file.tensors().into_iter().filter(|(known, _)| known != name).collect();
    if let Some((dtype, shape, data)) = &replacement {
        tensors.push((name.to_owned(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    }
    serialize(tensors, None).unwrap()
}

fn error(bytes: &[u8]) -> DetectorError {
    Weights::parse("some.safetensors", bytes).err().expect("the weights are wrong")
}

#[test]
fn the_bundled_file_has_every_tensor() {
    let weights = Weights::parse("bundled", bundled_weights()).unwrap();
    let read = weights.backbone.iter().chain(&weights.laterals).chain(weights.heads.iter().flatten());
    assert!(read.map(|conv| conv.spec.name).eq(convolutions().map(|conv| conv.name)));
}

#[test]
fn a_truncated_file_names_the_tensor_at_which_it_ends() {
    let whole = bundled_weights();
    let metadata = SafeTensors::read_metadata(whole).unwrap().1;
    for name in metadata.offset_keys() {
        let (start, end) = metadata.info(&name).unwrap().data_offsets;
        for length in [start, start + 1, end - 1] {
            let error = error(&whole[..HEADER_BYTES + length]);
            let DetectorError::TruncatedTensor { origin, tensor, expected_bytes, found_bytes } = &error else {
                panic!("{error:?}");
            };
            assert_eq!((origin.as_str(), tensor), ("some.safetensors", &name));
            assert_eq!((*expected_bytes, *found_bytes), (whole.len() as u64, (HEADER_BYTES + length) as u64));
            assert!(error.to_string().contains(&name) && error.to_string().contains("some.safetensors"));
        }
    }
}

#[test]
fn a_file_cut_inside_its_header_says_so() {
    for length in [0, 1, 7, 8, 9, HEADER_BYTES - 1] {
        let error = error(&bundled_weights()[..length]);
        assert!(
            matches!(error, DetectorError::TruncatedHeader { found_bytes, .. } if found_bytes == length as u64),
            "{error:?}"
        );
    }
}

#[test]
fn what_is_no_safetensors_file_is_called_that() {
    let mut longer = bundled_weights().to_vec();
    longer.push(0);
    let mut no_json = bundled_weights().to_vec();
    no_json[9] = b'!';
    for bytes in [&longer[..], &no_json, b"\x89PNG\r\n\x1a\n and so on", &[0xff; 64], &[b' '; 4096]] {
        let error = error(bytes);
        assert!(matches!(error, DetectorError::NotSafetensors { .. }), "{error:?}");
        assert_eq!(error.to_string(), "some.safetensors is no safetensors file");
    }
}

#[test]
fn a_missing_tensor_is_named_with_its_shape() {
    let error = error(&with_tensor("head.1.out.weight", None));
    assert_eq!(error.to_string(), "some.safetensors has no tensor head.1.out.weight (expected shape [124, 128, 1, 1])");
}

#[test]
fn a_wrong_shape_is_named_with_both() {
    let wrong = (Dtype::F16, vec![32, 3, 1, 1], vec![0; 32 * 3 * 2]);
    let error = error(&with_tensor("backbone.c0.weight", Some(wrong)));
    assert_eq!(
        error.to_string(),
        "tensor backbone.c0.weight of some.safetensors has the wrong shape: expected [32, 3, 3, 3], found [32, 3, 1, 1]"
    );
}

#[test]
fn a_wrong_type_is_named() {
    let error = error(&with_tensor("backbone.c0.bias", Some((Dtype::I32, vec![32], vec![0; 128]))));
    assert!(
        matches!(&error, DetectorError::TensorType { tensor, found, .. } if tensor == "backbone.c0.bias" && found == "I32")
    );
}

#[test]
fn single_precision_is_as_good() {
    let bytes = with_tensor("backbone.c0.bias", Some((Dtype::F32, vec![32], vec![0; 128])));
    assert!(Weights::parse("test", &bytes).is_ok());
}

#[test]
fn a_number_that_is_none_is_found() {
    for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut data = vec![0; 124 * 4];
        data[120 * 4..121 * 4].copy_from_slice(&poison.to_le_bytes());
        let error = error(&with_tensor("head.2.out.bias", Some((Dtype::F32, vec![124], data))));
        assert!(
            matches!(&error, DetectorError::TensorNotFinite { tensor, .. } if tensor == "head.2.out.bias"),
            "{error:?}"
        );
    }
}

#[test]
fn a_file_is_named_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    let missing = Detector::load(&path).err().unwrap().to_string();
    assert_eq!(missing, format!("cannot read the weight file {}", path.display()));
    std::fs::write(&path, &bundled_weights()[..1_000_000]).unwrap();
    let cut = Detector::load(&path).err().unwrap().to_string();
    assert!(cut.starts_with(&path.display().to_string()) && cut.contains("tensor backbone."), "{cut}");
}

#[test]
fn weights_that_overflow_give_no_number_that_is_none() {
    let picture = [200; 48 * 48 * 3];
    let frame = RgbFrame::new(48, 48, &picture).unwrap();
    let options = DetectOptions { input_size: 64, threshold: 0.0, ..DetectOptions::default() };
    // The largest half-precision number, everywhere, and with every other sign turned.
    for signs in [[0x7b, 0x7b], [0x7b, 0xfb]] {
        let mut bytes = bundled_weights().to_vec();
        for (index, value) in bytes[HEADER_BYTES..].as_chunks_mut::<2>().0.iter_mut().enumerate() {
            *value = [0xff, signs[index % 2]];
        }
        for engine in [Engine::ChannelsLast, Engine::Candle] {
            let options_at_load = LoadOptions { engine, ..LoadOptions::default() };
            let detector = Detector::from_bytes_with(&bytes, options_at_load).unwrap();
            for found in detector.detect(&frame, &options).unwrap() {
                let numbers = [found.confidence, found.x1, found.y1, found.x2, found.y2];
                assert!(numbers.iter().all(|number| number.is_finite()), "{found:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the header says, reading it ends in weights or in an error.
    #[test]
    fn a_damaged_header_is_no_panic(position in 0..HEADER_BYTES, byte in any::<u8>(), length in HEADER_BYTES..7_578_120) {
        let mut bytes = bundled_weights().to_vec();
        bytes[position] = byte;
        let _ = Weights::parse("test", &bytes);
        prop_assert!(Weights::parse("test", &bytes[..length]).is_err());
    }
}
