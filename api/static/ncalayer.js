/**
 * Signs with a key that the client keeps in NCALayer, the program of the national certification authority.
 *
 * It runs on the client's own machine and listens on a WebSocket. Its module `basics` is asked first; an older
 * NCALayer, which does not know it, is asked by `commonUtils`. Keys and passwords never come here.
 *
 *   import { sign } from '/static/ncalayer.js';
 *   const cms = await sign(bytes, { locale: 'kk' });          // base64, for PUT .../signature
 *
 * It throws NcaLayerError; its `code` says what to tell the client:
 *   not-running   nobody listens: NCALayer is not installed or not started
 *   cancelled     the client closed the window
 *   refused       NCALayer says no; `details` are its own words
 *   timed-out     no answer in time
 *   closed        NCALayer went away in the middle
 *   unreadable    an answer that is none
 */

export const ADDRESS = 'wss://127.0.0.1:13579';

// a certificate for signing, not for logging in; of a person, or of a legal entity's head or trusted person
const SIGNING = '1.3.6.1.5.5.7.3.4';
export const SIGNERS = Object.freeze({
  individual: Object.freeze([SIGNING, '1.2.398.3.3.4.1.1']),
  head: Object.freeze([SIGNING, '1.2.398.3.3.4.1.2.1']),
  trusted: Object.freeze([SIGNING, '1.2.398.3.3.4.1.2.2']),
});

export class NcaLayerError extends Error {
  constructor(code, details = '') {
    super(details ? `${code}: ${details}` : code);
    this.name = 'NcaLayerError';
    this.code = code;
    this.details = details;
  }
}

/**
 * Sign bytes.
 *
 * @param {ArrayBuffer|Uint8Array} content exactly the bytes of the document.
 * @param {object} [options]
 * @param {'individual'|'head'|'trusted'} [options.signer] whose certificate is offered for choice.
 * @param {boolean} [options.detached] without the document inside; else with it.
 * @param {'kk'|'ru'|'en'} [options.locale] language of NCALayer's window.
 * @param {string} [options.address] where NCALayer listens.
 * @param {number} [options.connectSeconds] how long to wait for NCALayer's greeting.
 * @param {number} [options.signSeconds] how long the client may take to choose a key.
 * @param {boolean} [options.testAuthority] certificates of the authority's test environment count too.
 * @returns {Promise<string>} the CMS, base64 of its DER.
 */
export async function sign(content, {
  signer = 'individual', detached = true, locale = 'ru', address = ADDRESS,
  connectSeconds = 5, signSeconds = 300, testAuthority = false,
} = {}) {
  if (!(signer in SIGNERS)) throw new TypeError(`no such signer: ${signer}`);
  const line = await Line.open(address, connectSeconds);
  try {
    const data = toBase64(content);
    const answer = await line.ask(basicsRequest(data, { signer, detached, locale, testAuthority }), signSeconds);
    if (typeof answer.status === 'boolean') return cmsOfBasics(answer);
    return cmsOfCommonUtils(await line.ask(commonUtilsRequest(data, detached), signSeconds));
  } finally {
    line.close();
  }
}

function basicsRequest(data, { signer, detached, locale, testAuthority }) {
  return {
    module: 'kz.gov.pki.knca.basics',
    method: 'sign',
    args: {
      allowedStorages: null,
      format: 'cms',
      data,
      signingParams: { decode: true, encapsulate: !detached, digested: false, tsaProfile: {} },
      // an empty chain admits every authority that NCALayer knows, the test one included
      signerParams: { extKeyUsageOids: [...SIGNERS[signer]], ...(testAuthority ? { chain: [] } : {}) },
      locale,
    },
  };
}

function commonUtilsRequest(data, detached) {
  return {
    module: 'kz.gov.pki.knca.commonUtils',
    method: 'createCMSSignatureFromBase64',
    args: ['PKCS12', 'SIGNATURE', data, !detached],
  };
}

/** {status: true, body: {result}}; an empty body is a closed window; {status: false, code, message, details}. */
function cmsOfBasics(answer) {
  if (!answer.status) throw new NcaLayerError('refused', words(answer));
  const body = answer.body ?? {};
  if (!('result' in body)) throw new NcaLayerError('cancelled');
  return cleaned(Array.isArray(body.result) ? body.result[0] : body.result);
}

/** {code: "200", responseObject}; {code: "500", message: "action.canceled"} is a closed window. */
function cmsOfCommonUtils(answer) {
  if (answer.code === '200') return cleaned(answer.responseObject);
  if (answer.message === 'action.canceled') throw new NcaLayerError('cancelled');
  throw new NcaLayerError('refused', words(answer));
}

function words(answer) {
  return [answer.code, answer.message, answer.details].filter((one) => typeof one === 'string' && one).join(' ');
}

/** PEM or base64 with line breaks -> base64. */
function cleaned(cms) {
  if (typeof cms !== 'string') throw new NcaLayerError('unreadable');
  const base64 = cms.replace(/-----(BEGIN|END) [A-Z0-9 ]+-----/g, '').replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new NcaLayerError('unreadable');
  return base64;
}

function toBase64(content) {
  const bytes = content instanceof Uint8Array ? content : new Uint8Array(content);
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000)); // in pieces: a call takes so many arguments
  }
  return btoa(text);
}

/** One WebSocket, one question at a time. */
class Line {
  #socket;

  #waiting = null;

  #greeted = false;

  static async open(address, seconds) {
    const line = new Line();
    line.#connect(address); // what it brings comes later, never at once
    try {
      const { result } = await line.#wait(seconds);
      if (typeof result?.version !== 'string') throw new NcaLayerError('unreadable');
    } catch (error) {
      line.close();
      throw error;
    }
    line.#greeted = true;
    return line;
  }

  ask(request, seconds) {
    const answer = this.#wait(seconds);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request));
    else this.#settle(null, new NcaLayerError('closed'));
    return answer;
  }

  close() {
    this.#socket?.close();
  }

  #connect(address) {
    this.#socket = new WebSocket(address);
    this.#socket.onmessage = ({ data }) => this.#heard(data);
    // what a Content-Security-Policy forbids brings an error alone; all else an end, with or without an error before
    const gone = () => this.#settle(null, new NcaLayerError(this.#greeted ? 'closed' : 'not-running'));
    this.#socket.onerror = gone;
    this.#socket.onclose = gone;
  }

  #heard(data) {
    let answer;
    try {
      answer = JSON.parse(data);
    } catch {
      answer = null;
    }
    if (answer === null || typeof answer !== 'object') this.#settle(null, new NcaLayerError('unreadable'));
    else this.#settle(answer, null);
  }

  #wait(seconds) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(null, new NcaLayerError('timed-out')), seconds * 1000);
      this.#waiting = { resolve, reject, timer };
    });
  }

  /** What comes unasked, or after its time, is not heard. */
  #settle(answer, error) {
    if (this.#waiting === null) return;
    const { resolve, reject, timer } = this.#waiting;
    this.#waiting = null;
    clearTimeout(timer);
    if (error) reject(error);
    else resolve(answer);
  }
}
