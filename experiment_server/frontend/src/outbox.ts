/**
 * Where answers wait until the server has acknowledged them.
 *
 * IndexedDB, so that they outlive a reload, a closed tab, a killed browser and a lost network. Where a
 * browser refuses it (some private windows), memory: `durable` then says so, and each answer tells how it was kept.
 */

import type { RecordBody, ResponseBody } from "./api";

/** What a trial has to tell. */
export interface OfTrial {
  /** The public id of the session that may send it. */
  session: string;
  trial: string;
  /** null tells the server that the picture was shown; otherwise the answer. */
  answer: ResponseBody | null;
  record?: never;
}

/** What is recorded beside the trials. */
export interface OfRecord {
  session: string;
  record: RecordBody;
  trial?: never;
  answer?: never;
}

export type Parcel = OfTrial | OfRecord;

/** The id grows with every parcel, so that the order of keys is the order of events. */
export type Kept = Parcel & { id: number };

type Task<T> = (database: IDBDatabase) => Promise<T>;

const DATABASE = "interpscore";
const STORE = "outbox";
/** A database that takes longer than this to answer counts as broken. */
const PATIENCE_MS = 10_000;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB aborted"));
  });
}

/** What a task gives, unless it takes too long. */
function inTime<T>(task: Promise<T>): Promise<T> {
  let timer = 0;
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new Error("IndexedDB does not answer")), PATIENCE_MS);
  });
  return Promise.race([task, late]).finally(() => window.clearTimeout(timer));
}

async function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true }).createIndex("session", "session");
  };
  const database = await inTime(settled(request));
  database.onversionchange = () => database.close();
  return database;
}

export class Outbox {
  /** What this page has read or added and not removed, by id: all there is when the database fails. */
  private readonly known = new Map<number, Kept>();
  private nextInMemory = Number.MAX_SAFE_INTEGER / 2;
  /** Parcels are added one after the other, so that their ids are in the order of the calls. */
  private adding: Promise<unknown> = Promise.resolve();

  private constructor(
    private database: IDBDatabase | null,
    private readonly session: string,
  ) {}

  /** Open the outbox of one session; what an earlier page of it left behind is still there. */
  static async open(session: string): Promise<Outbox> {
    try {
      return new Outbox(await openDatabase(), session);
    } catch (error) {
      console.warn("answers are kept in memory only:", error);
      return new Outbox(null, session);
    }
  }

  get durable(): boolean {
    return this.database !== null;
  }

  /**
   * Keep a parcel; when this resolves it is on the disk (or in memory, if there is no way to it). The
   * commit is asked for at once, so that a page that is left in the same moment does not undo it.
   */
  add(parcel: Parcel): Promise<number> {
    const added = this.adding.then(() => this.keep(parcel));
    this.adding = added.catch(() => undefined);
    return added;
  }

  private async keep(parcel: Parcel): Promise<number> {
    const safe = marked(parcel, true);
    const id = await this.ask((database) => store(database, safe));
    return id === null ? this.remember(marked(parcel, false), (this.nextInMemory += 1)) : this.remember(safe, id);
  }

  private remember(parcel: Parcel, id: number): number {
    this.known.set(id, { ...parcel, id });
    return id;
  }

  /** The oldest parcels first. */
  async all(): Promise<Kept[]> {
    for (const kept of (await this.ask((database) => read(database, this.session))) ?? []) {
      this.known.set(kept.id, kept);
    }
    return [...this.known.values()].sort((a, b) => a.id - b.id);
  }

  /** Forget a parcel; one that a failing disk still holds is sent again by a later page, and known there. */
  async remove(id: number): Promise<void> {
    this.known.delete(id);
    await this.ask((database) => erase(database, id));
  }

  /** Forget everything: the session takes no more. */
  async clear(): Promise<void> {
    for (const { id } of await this.all()) await this.remove(id);
  }

  /** Ask the database; null if there is none, or if it fails for good. */
  private async ask<T>(task: Task<T>): Promise<T | null> {
    if (this.database === null) return null;
    try {
      return await inTime(task(this.database));
    } catch (error) {
      return this.askAnew(task, error);
    }
  }

  /**
   * Ask a database that failed once more, opened anew: browsers close one now and then, and people delete a
   * site's data. All that is known is put back into it. If it fails again it is not asked any more.
   */
  private async askAnew<T>(task: Task<T>, first: unknown): Promise<T | null> {
    try {
      this.database = await openDatabase();
      await inTime(putBack(this.database, [...this.known.values()]));
      return await inTime(task(this.database));
    } catch (second) {
      console.warn("answers are kept in memory from now on:", first, second);
      this.database = null;
      return null;
    }
  }
}

/** The parcel; an answer tells whether it is kept where it outlives the page. */
function marked(parcel: Parcel, durable: boolean): Parcel {
  if (!parcel.answer) return parcel;
  const client = { ...parcel.answer.client, durable_queue: durable };
  return { ...parcel, answer: { ...parcel.answer, client } };
}

async function store(database: IDBDatabase, parcel: Parcel): Promise<number> {
  const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
  const request = transaction.objectStore(STORE).add(parcel);
  transaction.commit();
  await committed(transaction);
  return Number(request.result);
}

function read(database: IDBDatabase, session: string): Promise<Kept[]> {
  const index = database.transaction(STORE).objectStore(STORE).index("session");
  return settled(index.getAll(session) as IDBRequest<Kept[]>);
}

async function erase(database: IDBDatabase, id: number): Promise<void> {
  const transaction = database.transaction(STORE, "readwrite");
  transaction.objectStore(STORE).delete(id);
  await committed(transaction);
}

/** Parcels keep their ids, and new ones get higher ones, also in a database that was deleted meanwhile. */
async function putBack(database: IDBDatabase, parcels: Kept[]): Promise<void> {
  const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
  for (const parcel of parcels) transaction.objectStore(STORE).put(parcel);
  transaction.commit();
  await committed(transaction);
}
