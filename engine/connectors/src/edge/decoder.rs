//! Reads what agents write: Arrow streams whose schema the headers name, and JSON objects.

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_proto::batch::headers::{ARROW_STREAM, JSON};
use serde_json::Value;

use super::EdgeTopic;
use crate::formats::arrow::ArrowDecoder;
use crate::formats::json::{JsonDecoder, TimestampFormat};
use crate::formats::{Decoded, Record, decode_each};

/// Reads the records of one topic of the agents.
#[derive(Debug)]
pub(crate) struct EdgeDecoder {
    topic: EdgeTopic,
    schema: SchemaRef,
    arrow: ArrowDecoder,
    json: JsonDecoder,
}

impl EdgeDecoder {
    /// A decoder into these columns, which are some of the topic's.
    pub(crate) fn new(topic: EdgeTopic, schema: SchemaRef) -> Result<Self, ArrowError> {
        let arrow = ArrowDecoder::new(schema.clone());
        let json = JsonDecoder::new(schema.clone(), TimestampFormat::Rfc3339)?;
        Ok(EdgeDecoder { topic, schema, arrow, json })
    }

    /// Reads a run of records.
    pub(crate) fn decode(&mut self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        let schema = self.schema.clone();
        decode_each(&schema, records, |record| self.decode_one(record))
    }

    fn decode_one(&mut self, record: &Record<'_>) -> Result<Vec<RecordBatch>, String> {
        let expected = self.topic.schema_name();
        if let Some(found) = record.schema.filter(|found| *found != expected) {
            return Err(format!("schema {found} is not known here, only {expected}"));
        }
        match record.content_type {
            Some(JSON) => self.decode_json(record.value),
            Some(ARROW_STREAM) => self.arrow.decode_one(record.value),
            Some(other) => Err(format!("content-type {other} is not known here, only {ARROW_STREAM} and {JSON}")),
            None if record.value.trim_ascii_start().starts_with(b"{") => self.decode_json(record.value),
            None => self.arrow.decode_one(record.value),
        }
    }

    /// A frame may be injected as the object that `GET /data` gives, which calls its time `timestamp`.
    fn decode_json(&mut self, value: &[u8]) -> Result<Vec<RecordBatch>, String> {
        if self.topic != EdgeTopic::Frames {
            return self.json.decode_one(&Record::from(value));
        }
        let mut object: Value = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        if let Some(fields) = object.as_object_mut()
            && !fields.contains_key("ts")
            && let Some(time) = fields.remove("timestamp")
        {
            fields.insert("ts".to_owned(), time);
        }
        self.json.decode_one(&Record::from(object.to_string().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use headwater_proto::batch::{encode_stream, frames};

    use super::*;
    use crate::source_contract::rows_of;

    fn decoder(topic: EdgeTopic) -> EdgeDecoder {
        EdgeDecoder::new(topic, topic.columns()).unwrap()
    }

    fn frame(persons_detected: u16) -> frames::FrameRow {
        frames::FrameRow {
            device_id: "north".into(),
            camera_id: "gate".into(),
            ts: 1_695_045_600_250,
            frame: 7,
            persons_detected,
            objects_detected: persons_detected,
            width: 768,
            height: 576,
            model: "nanodet-g".into(),
            tier: "416".into(),
            inference_ms: 40.5,
            energy_mj: None,
            energy_method: "none".into(),
            skipped: 2,
        }
    }

    #[test]
    fn frames_lose_their_dictionaries_and_nothing_else() {
        let bytes = encode_stream(&frames::to_batch(&[frame(3), frame(0)]).unwrap()).unwrap();
        let record = Record {
            value: &bytes,
            content_type: Some(ARROW_STREAM),
            schema: Some(frames::SCHEMA),
            ..Record::default()
        };
        let decoded = decoder(EdgeTopic::Frames).decode(&[record]).unwrap();
        assert_eq!((decoded.rows, decoded.bad), (vec![2], vec![]));
        let row = concat!(
            r#"{"device_id":"north","camera_id":"gate","ts":"2023-09-18T14:00:00.250","frame":7,"persons_detected":3,"#,
            r#""objects_detected":3,"width":768,"height":576,"model":"nanodet-g","tier":"416","inference_ms":40.5,"#,
            r#""energy_mj":null,"energy_method":"none","skipped":2}"#
        );
        assert_eq!(rows_of(&[decoded.batch])[0], row);
    }

    #[test]
    fn an_injected_object_is_a_frame() {
        let json = br#"{"device_id": "test", "timestamp": "2023-09-18T14:00:00Z", "persons_detected": 4}"#;
        let decoded = decoder(EdgeTopic::Frames).decode(&[Record::from(json.as_slice())]).unwrap();
        assert_eq!(decoded.bad, []);
        let row = &rows_of(&[decoded.batch])[0];
        assert!(row.contains(r#""device_id":"test","camera_id":null,"ts":"2023-09-18T14:00:00","#), "{row}");
        assert!(row.contains(r#""persons_detected":4,"objects_detected":null"#), "{row}");
    }

    #[test]
    fn another_version_of_the_schema_is_bad_data() {
        let bytes = encode_stream(&frames::to_batch(&[frame(3)]).unwrap()).unwrap();
        let record = Record {
            value: &bytes,
            content_type: Some(ARROW_STREAM),
            schema: Some("headwater.frames.v9"),
            ..Record::default()
        };
        let cut = Record { value: &bytes[..bytes.len() / 2], ..Record::default() };
        let decoded = decoder(EdgeTopic::Frames).decode(&[record, cut]).unwrap();
        assert_eq!(decoded.bad[0].reason, "schema headwater.frames.v9 is not known here, only headwater.frames.v1");
        assert!(decoded.bad[1].reason.starts_with("reading an arrow ipc stream"), "{:?}", decoded.bad[1]);
    }

    #[test]
    fn a_heartbeat_is_a_row() {
        let json = concat!(
            r#"{"device_id":"north","boot":"b","ts":"2023-09-18T14:00:00.000","version":"0.1.0","config_hash":"ff","#,
            r#""uptime_s":5,"cameras":[{"camera_id":"gate","source":"file:clip.mp4","state":"running","fps":9.5,"#,
            r#""skipped":1,"tier":"416","reason":"refused","energy_mj":1.5}],"spool_bytes":0,"spool_rows":0,"sent_rows":12,"#,
            r#""carbon_intensity_g_per_kwh":null,"energy_mj_total":3.5,"dropped_messages":0,"#,
            r#""control":{"command_id":"c","accepted":true,"reason":""}}"#
        );
        let decoded = decoder(EdgeTopic::Status).decode(&[Record::from(json.as_bytes())]).unwrap();
        assert_eq!(decoded.bad, []);
        assert_eq!(rows_of(&[decoded.batch])[0], json.replace("14:00:00.000", "14:00:00"));
    }
}
