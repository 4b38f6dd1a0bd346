/**
 * Where answers wait until the server has acknowledged them.
 *
 * IndexedDB, so that they outlive a reload, a closed tab and a lost network. Where a browser refuses
 * it (some private windows), memory: `durable` then says so, and is stored with each response.
 */

import type { ResponseBody } from "./api";

export interface Parcel {
  /** The public id of the session that may send it. */
  session: string;
  trial: string;
  /** null tells the server that the picture was shown; otherwise the answer. */
  answer: ResponseBody | null;
}

export interface Kept extends Parcel {
  /** Grows with every parcel, so that the order of keys is the order of events. */
  id: number;
}

const DATABASE = "interpscore";
const STORE = "outbox";

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

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true }).createIndex("session", "session");
  };
  return settled(request);
}

export class Outbox {
  /** What this page has read or added and not removed, by id: all there is when the database fails. */
  private readonly known = new Map<number, Kept>();
  private nextInMemory = Number.MAX_SAFE_INTEGER / 2;

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
  async add(parcel: Parcel): Promise<number> {
    const id = (await this.ask((database) => store(database, parcel))) ?? (this.nextInMemory += 1);
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

  /** Ask the database; after its first failure it is not asked again, and the answer is null. */
  private async ask<T>(task: (database: IDBDatabase) => Promise<T>): Promise<T | null> {
    if (this.database === null) return null;
    try {
      return await task(this.database);
    } catch (error) {
      console.warn("answers are kept in memory from now on:", error);
      this.database = null;
      return null;
    }
  }
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
