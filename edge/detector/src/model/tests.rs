//! Tests of the choice among the models: by metadata, by tensor names, and what is said where neither helps.

use std::collections::HashMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::*;
use crate::{Detector, bundled_weights};

const SSDLITE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/ssdlite_mobilenet_v2.safetensors"));

/// The file with other metadata, and without the tensor of this name.
fn changed(bytes: &[u8], architecture: Option<&str>, without: &str) -> Vec<u8> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensors: Vec<_> = file.tensors().into_iter().filter(|(name, _)| name != without).collect();
    let metadata = architecture.map(|name| HashMap::from([("architecture".to_owned(), name.to_owned())]));
    serialize(tensors, metadata).unwrap()
}

fn error(bytes: &[u8]) -> String {
    open("some.safetensors", bytes, Engine::default()).err().expect("the file is wrong").to_string()
}

#[test]
fn a_file_is_known_by_its_metadata_or_by_its_tensors() {
    for (bytes, name, classes, macs) in
        [(bundled_weights(), "nanodet-g", 80, 2.0e9..2.2e9), (SSDLITE, "ssdlite-mobilenet-v2", 29, 1.0e9..1.3e9)]
    {
        for bytes in [bytes.to_vec(), changed(bytes, None, ""), changed(bytes, Some(name), "")] {
            let detector = Detector::from_bytes(&bytes).unwrap();
            assert_eq!(detector.model_name(), name);
            let known = crate::ClassId::all().filter(|class| detector.classes().contains(*class)).count();
            assert_eq!(known, classes);
            assert!(macs.contains(&(detector.macs(416) as f64)), "{name}: {}", detector.macs(416));
        }
    }
}

#[test]
fn metadata_that_name_no_known_network_are_an_error_with_that_name() {
    assert_eq!(
        error(&changed(SSDLITE, Some("yolo"), "")),
        "some.safetensors names the architecture \"yolo\" in its metadata, and the known ones are nanodet-g, \
         ssdlite-mobilenet-v2"
    );
}

#[test]
fn tensors_of_another_network_are_an_error_with_the_first_of_them() {
    let tensor = || TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let bytes = serialize([("layers.1.weight", tensor()), ("embedding.bias", tensor())], None).unwrap();
    assert_eq!(
        error(&bytes),
        "some.safetensors holds none of the known networks, nanodet-g, ssdlite-mobilenet-v2: it names no architecture in \
         its metadata, and its first tensor is embedding.bias"
    );
    let none: [(&str, TensorView<'_>); 0] = [];
    assert!(error(&serialize(none, None).unwrap()).ends_with("its list of tensors is empty"));
}

#[test]
fn a_tensor_that_is_missing_is_named_whatever_the_network() {
    for (tensor, shape) in [("block.7.depthwise.weight", "[384, 1, 3, 3]"), ("head.0.class.bias", "[240]")] {
        let error = error(&changed(SSDLITE, None, tensor));
        assert_eq!(error, format!("some.safetensors has no tensor {tensor} (expected shape {shape})"));
    }
    // The metadata decide, and not what else the file is like.
    let error = error(&changed(bundled_weights(), Some("ssdlite-mobilenet-v2"), ""));
    assert!(error.starts_with("some.safetensors has no tensor head.0.class.bias"), "{error}");
}

#[test]
fn a_number_of_classes_that_cannot_be_is_a_wrong_shape() {
    for outputs in [0, 86, 243] {
        let data = vec![0; outputs * 4];
        let file = SafeTensors::deserialize(SSDLITE).unwrap();
        let mut tensors: Vec<_> = file.tensors().into_iter().filter(|(name, _)| name != "head.0.class.bias").collect();
        tensors.push(("head.0.class.bias".into(), TensorView::new(Dtype::F32, vec![outputs], &data).unwrap()));
        let error = error(&serialize(tensors, None).unwrap());
        assert!(error.contains("head.0.class.bias") && error.contains(&format!("found [{outputs}]")), "{error}");
    }
}
