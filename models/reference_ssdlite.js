// Makes models/reference-ssdlite-320.safetensors: what the original graph, run by TensorFlow.js, answers to a part of
// footage/astronaut.png. The graph is the one that convert_ssdlite.py leaves in its FOLDER, so that both sides compute
// with the same numbers.
//
//     npm i @tensorflow/tfjs-core @tensorflow/tfjs-converter @tensorflow/tfjs-backend-cpu pngjs
//     node reference_ssdlite.js FOLDER ../footage/astronaut.png reference-ssdlite-320.safetensors

const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-cpu');
const { loadGraphModel } = require('@tensorflow/tfjs-converter');
const { PNG } = require('pngjs');

// The square that is cut out: no filter resizes it, so the test can make the same input.
const SIDE = 320;
const [LEFT, TOP] = [96, 16];
const CLASSES = 29;
const COCO_IDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 31, 32, 33];

async function load(folder) {
  const { modelTopology, weightsManifest: [{ paths, weights }] } =
    JSON.parse(fs.readFileSync(path.join(folder, 'model.json')));
  const bytes = fs.readFileSync(path.join(folder, paths[0]));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return loadGraphModel({ load: async () => ({ modelTopology, weightSpecs: weights, weightData }) });
}

function input(picture) {
  const { width, data } = PNG.sync.read(fs.readFileSync(picture));
  const values = new Float32Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE * 3; x++) {
      const byte = data[((TOP + y) * width + LEFT + Math.floor(x / 3)) * 4 + x % 3];
      values[y * SIDE * 3 + x] = byte * (2 / 255) - 1;
    }
  }
  return tf.tensor4d(values, [1, SIDE, SIDE, 3]);
}

// Cells × (anchors · classes), the kept classes only.
function kept(values, cells) {
  const anchors = values.length / cells / 91;
  const out = new Float32Array(cells * anchors * CLASSES);
  for (let row = 0; row < cells * anchors; row++) {
    COCO_IDS.forEach((id, index) => { out[row * CLASSES + index] = values[row * 91 + id]; });
  }
  return out;
}

function save(tensors, target) {
  const header = {};
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset += values.byteLength] };
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - json.length % 8) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = tensors.map(([, { values }]) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  fs.writeFileSync(target, Buffer.concat([length, Buffer.from(json), ...data]));
}

async function main([folder, picture, target]) {
  const model = await load(folder);
  const tensors = [];
  for (let head = 0; head < 6; head++) {
    const [logits, boxes] = model.execute({ 'Preprocessor/sub': input(picture) }, [
      `BoxPredictor_${head}/ClassPredictor/BiasAdd`,
      `BoxPredictor_${head}/BoxEncodingPredictor/BiasAdd`,
    ]);
    const cells = boxes.shape[1] * boxes.shape[2];
    const classes = kept(logits.dataSync(), cells);
    tensors.push([`class.${head}`, { shape: [cells, classes.length / cells], values: classes }]);
    tensors.push([`box.${head}`, { shape: [cells, boxes.shape[3]], values: boxes.dataSync() }]);
  }
  save(tensors, target);
}

main(process.argv.slice(2));
