// Made by infra/api-client.ts from /api/openapi.json; not to be edited.
/* oxlint-disable max-lines */
export interface paths {
  "/api/accounts": {
    /** Accounts with their roles. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "login": string; "kind": string; "createdAt": string; "grants": ({ "project": string; "role": string })[] })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/accounts/{login}/roles": {
    /** Gives a role, or with null takes it. */
    put: {
      parameters: { path: { login: string }; query?: never };
      requestBody: { content: { 'application/json': { "project"?: string; "role": "viewer" | "trigger" | "maintainer" | "admin" | null } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "login": string; "kind": string; "createdAt": string; "grants": ({ "project": string; "role": string })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/alerts": {
    /** What a person must know of, newest first. */
    get: {
      parameters: { path?: never; query?: { limit?: string; project?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "project": string | null; "repository": string | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } }; "createdAt": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/attempts/{id}": {
    /** One attempt with its steps. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "buildId": string; "target": string; "number": number; "state": string; "step": string | null; "worker": string | null; "attemptKey": string | null; "imageKey": string; "reusedFrom": string | null; "lock": ({ "name": string; "version": string; "filename": string; "sha256": string })[]; "testLock": ({ "name": string; "version": string; "filename": string; "sha256": string })[]; "steps": ({ "step": string; "state": string; "at": string; "ms": number | null })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "logBytes": number } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/attempts/{id}/live": {
    /** Server-sent events: log and state of an attempt. */
    get: {
      parameters: { path: { id: string }; query?: { offset?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/attempts/{id}/log": {
    /** Log text from an offset on; follow=1 streams until the attempt has ended. */
    get: {
      parameters: { path: { id: string }; query?: { offset?: string; follow?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/attempts/{id}/page": {
    /** An attempt with its inputs and its cell. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "attempt": { "id": string; "buildId": string; "target": string; "number": number; "state": string; "step": string | null; "worker": string | null; "attemptKey": string | null; "imageKey": string; "reusedFrom": string | null; "lock": ({ "name": string; "version": string; "filename": string; "sha256": string })[]; "testLock": ({ "name": string; "version": string; "filename": string; "sha256": string })[]; "steps": ({ "step": string; "state": string; "at": string; "ms": number | null })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "logBytes": number }; "project": string; "displayName": string; "version": string; "cellState": string | null; "tested": string | null; "testFailure": unknown; "image": { "name": string; "key": string; "tarSha256": string; "bytes": number } | null; "source": { "sha256": string; "filename": string; "bytes": number } | null; "sourceDateEpoch": number; "cutoff": string | null; "limits": { "memoryBytes": number; "workBytes": number; "pidsMax": number; "stepMsMax": number; "silenceMsMax": number; "logBytesMax": number } | null; "wheel": { "sha256": string; "filename": string; "bytes": number } | null; "published": boolean; "sbom": boolean; "attested": boolean; "row": unknown; "others": ({ "id": string; "number": number; "state": string; "startedAt": string; "endedAt": string | null })[]; "startedAt": string; "endedAt": string | null; "index": string; "identity": string; "issuer": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/attempts/{id}/sbom": {
    /** The SBOM of an attempt: CycloneDX JSON. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/audit": {
    /** Who did what, newest first. */
    get: {
      parameters: { path?: never; query?: { project?: string; before?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "events": ({ "id": string; "at": string; "actor": string; "via": string; "action": string; "project": string; "status": number; "detail": Record<string, unknown> })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds": {
    /** Builds, newest first. */
    get: {
      parameters: { path?: never; query?: { limit?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "project": string; "displayName": string; "version": string; "planSha256": string; "state": string; "started": boolean; "cells": ({ "target": string; "tier": number; "state": string; "step": string | null; "tested": string | null; "wheel": string | null; "wheelSha256": string | null; "coveredBy": string | null; "attemptId": string | null; "attempts": number; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "testFailure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "notes": (string)[]; "startedAt": string | null; "endedAt": string | null; "bytes": number | null })[]; "unsupported"?: ({ "option": string; "why": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "upstreamFiles": (string)[]; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "published": (string)[]; "sdist": { "sha256": string; "filename": string; "bytes": number }; "startedAt": string; "endedAt": string | null; "index": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Starts a build: 201; 200 where nothing is to build. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "source"?: string; "targets": (string)[]; "limits"?: { "memoryBytes"?: number; "workBytes"?: number; "pidsMax"?: number; "stepMsMax"?: number; "silenceMsMax"?: number; "logBytesMax"?: number }; "again"?: boolean; "recipe"?: { "name": string; "text": string } } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "displayName": string; "version": string; "planSha256": string; "state": string; "started": boolean; "cells": ({ "target": string; "tier": number; "state": string; "step": string | null; "tested": string | null; "wheel": string | null; "wheelSha256": string | null; "coveredBy": string | null; "attemptId": string | null; "attempts": number; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "testFailure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "notes": (string)[]; "startedAt": string | null; "endedAt": string | null; "bytes": number | null })[]; "unsupported"?: ({ "option": string; "why": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "upstreamFiles": (string)[]; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "published": (string)[]; "sdist": { "sha256": string; "filename": string; "bytes": number }; "startedAt": string; "endedAt": string | null; "index": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds/{id}": {
    /** One build. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "displayName": string; "version": string; "planSha256": string; "state": string; "started": boolean; "cells": ({ "target": string; "tier": number; "state": string; "step": string | null; "tested": string | null; "wheel": string | null; "wheelSha256": string | null; "coveredBy": string | null; "attemptId": string | null; "attempts": number; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "testFailure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "notes": (string)[]; "startedAt": string | null; "endedAt": string | null; "bytes": number | null })[]; "unsupported"?: ({ "option": string; "why": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "upstreamFiles": (string)[]; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "published": (string)[]; "sdist": { "sha256": string; "filename": string; "bytes": number }; "startedAt": string; "endedAt": string | null; "index": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds/{id}/cancel": {
    /** Asks for the end of a build. */
    post: {
      parameters: { path: { id: string }; query?: never };
      requestBody: { content: { 'application/json': { "by": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds/{id}/cells/{target}/inputs": {
    /** Image and inputs of a cell. */
    get: {
      parameters: { path: { id: string; target: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "project": string; "version": string; "target": string; "image": { "name": string; "key": string; "tarSha256": string; "bytes": number }; "source": { "sha256": string; "filename": string; "bytes": number }; "lock": ({ "name": string; "version": string; "filename": string; "sha256": string })[]; "sourceDateEpoch": number; "cutoff": string; "limits": { "memoryBytes": number; "workBytes": number; "pidsMax": number; "stepMsMax": number; "silenceMsMax": number; "logBytesMax": number }; "options"?: Record<string, unknown>; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds/{id}/cells/{target}/inputs/{sha256}": {
    /** The bytes of an input of a cell. */
    get: {
      parameters: { path: { id: string; target: string; sha256: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds/{id}/events": {
    /** Server-sent events: `build` with a BuildView on every change. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/builds/{id}/waits": {
    /** Queued cells whose pool has no worker, and why. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "target": string; "pool": string; "why": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edit-batches": {
    /** Confirms such a preview: one edit for each release. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "mode": string; "set": (string)[]; "remove": (string)[]; "bound": (string)[]; "undo"?: string; "why": string; "by": string; "selfApproval"?: string; "acceptConflict"?: boolean; "bases": Record<string, string> } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "state": string; "why": string; "requestedBy": string; "approvals": ({ "by": string; "at": string; "kind": string; "self": boolean })[]; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string; "sha256": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string; "resolution": ({ "target": string; "state": string; "says": string })[]; "acceptedConflict": boolean; "approvers": (string)[]; "undoes": string | null; "batchId": string | null })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edit-batches/preview": {
    /** What an edit of several releases would do; writes nothing of it. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "mode": string; "set": (string)[]; "remove": (string)[]; "bound": (string)[]; "undo"?: string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "selector": string; "releases": ({ "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "reach": ({ "form": string; "kind": string; "sees": boolean; "chosen": string | null; "why": string })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string })[]; "remarks": (string)[]; "secondApproval": boolean; "approvers": (string)[]; "basis": string })[]; "unchanged": (string)[]; "refused": ({ "what": string; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits": {
    /** Edits, newest first. */
    get: {
      parameters: { path?: never; query?: { limit?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "state": string; "why": string; "requestedBy": string; "approvals": ({ "by": string; "at": string; "kind": string; "self": boolean })[]; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string; "sha256": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string; "resolution": ({ "target": string; "state": string; "says": string })[]; "acceptedConflict": boolean; "approvers": (string)[]; "undoes": string | null; "batchId": string | null })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Confirms a preview and delivers the edit. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "mode": string; "set": (string)[]; "remove": (string)[]; "bound": (string)[]; "undo"?: string; "why": string; "by": string; "selfApproval"?: string; "acceptConflict"?: boolean; "basis": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "state": string; "why": string; "requestedBy": string; "approvals": ({ "by": string; "at": string; "kind": string; "self": boolean })[]; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string; "sha256": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string; "resolution": ({ "target": string; "state": string; "says": string })[]; "acceptedConflict": boolean; "approvers": (string)[]; "undoes": string | null; "batchId": string | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits/check": {
    /** What stock resolvers say of the release with the edit. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "mode": string; "set": (string)[]; "remove": (string)[]; "bound": (string)[]; "undo"?: string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "resolution": ({ "target": string; "state": string; "says": string })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits/preview": {
    /** What an edit would do; writes nothing of it. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "mode": string; "set": (string)[]; "remove": (string)[]; "bound": (string)[]; "undo"?: string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "reach": ({ "form": string; "kind": string; "sees": boolean; "chosen": string | null; "why": string })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string })[]; "remarks": (string)[]; "secondApproval": boolean; "approvers": (string)[]; "basis": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits/{id}": {
    /** One edit. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "state": string; "why": string; "requestedBy": string; "approvals": ({ "by": string; "at": string; "kind": string; "self": boolean })[]; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string; "sha256": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string; "resolution": ({ "target": string; "state": string; "says": string })[]; "acceptedConflict": boolean; "approvers": (string)[]; "undoes": string | null; "batchId": string | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits/{id}/approve": {
    /** The yes of a second maintainer to an edit that adds a dependency. */
    post: {
      parameters: { path: { id: string }; query?: never };
      requestBody: { content: { 'application/json': { "by": string; "selfApproval"?: string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "state": string; "why": string; "requestedBy": string; "approvals": ({ "by": string; "at": string; "kind": string; "self": boolean })[]; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string; "sha256": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string; "resolution": ({ "target": string; "state": string; "says": string })[]; "acceptedConflict": boolean; "approvers": (string)[]; "undoes": string | null; "batchId": string | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits/{id}/cancel": {
    /** Asks for the end of an edit that is not being published yet. */
    post: {
      parameters: { path: { id: string }; query?: never };
      requestBody: { content: { 'application/json': { "by": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/edits/{id}/refuse": {
    /** Ends an edit that waits for an approval. */
    post: {
      parameters: { path: { id: string }; query?: never };
      requestBody: { content: { 'application/json': { "by": string; "why": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "version": string; "mode": string; "buildTag": number; "toVersion": string | null; "state": string; "why": string; "requestedBy": string; "approvals": ({ "by": string; "at": string; "kind": string; "self": boolean })[]; "groups": ({ "filenames": (string)[]; "changes": ({ "field": string; "before": string | null; "after": string | null; "risk": string })[] })[]; "files": ({ "filename": string; "bytes": number; "storedBytes": number; "original": string; "originalSha256": string; "sha256": string })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string; "resolution": ({ "target": string; "state": string; "says": string })[]; "acceptedConflict": boolean; "approvers": (string)[]; "undoes": string | null; "batchId": string | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/feed": {
    /** What was published, newest first. */
    get: {
      parameters: { path?: never; query?: { before?: string; limit?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "entries": ({ "serial": number; "project": string; "version": string; "at": string; "kind": string; "files": ({ "filename": string; "sha256": string; "bytes": number })[] })[]; "serial": number } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/files/{filename}": {
    /** A published file and what went into it. */
    get: {
      parameters: { path: { filename: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "filename": string; "sha256": string; "bytes": number; "project": string; "version": string; "kind": string; "uploadTime": string; "requiresPython": string | null; "yanked": string | null; "target": string | null; "attemptId": string | null; "editId": string | null; "originalSha256": string | null; "sdist": { "filename": string; "sha256": string; "origin": string; "upstreamSha256": string | null } | null; "image": { "name": string; "key": string; "tarSha256": string; "bytes": number } | null; "lock": ({ "name": string; "version": string; "filename": string; "sha256": string })[]; "grafted": ({ "path": string; "sha256": string; "soname"?: string; "library"?: { "name": string; "version": string; "purl": string; "licence": string } })[]; "audit": unknown; "notes": (string)[]; "compilerCalls": number | null; "tested": string | null; "testHow": string | null; "reproduced": { "answer": "yes" | "no" | "unknown"; "why": string }; "attestations": ({ "kind": string; "predicateType": string; "at": string })[]; "sbom": boolean; "index": string; "identity": string; "issuer": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/github": {
    /** What the farm has of GitHub. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "url": string; "app": string | null; "token": boolean; "webhookUrl": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/github/token": {
    /** Keeps the token of a person. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "token": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "url": string; "app": string | null; "token": boolean; "webhookUrl": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/github/webhook": {
    /** Address and secret of a webhook that is set up by hand. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/hooks": {
    /** Outgoing webhooks. */
    get: {
      parameters: { path?: never; query?: { project?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "project": string; "url": string; "createdBy": string; "createdAt": string; "serial": number; "failures": number; "lastStatus": string | null })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Tells an address of every publish, signed with the secret that is shown this once. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "project"?: string; "url": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "url": string; "createdBy": string; "createdAt": string; "serial": number; "failures": number; "lastStatus": string | null; "secret": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/hooks/{id}": {
    /** Ends a webhook. */
    delete: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/images": {
    /** Images that are being made or could not be made. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "name": string; "state": "made" | "missing" | "making" | "failed"; "expectedSeconds": number; "expectedBytes": number; "seconds": number; "note": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/imports": {
    /** Imports, newest first. */
    get: {
      parameters: { path?: never; query?: { limit?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "project": string; "version": string; "requestedBy": string; "state": string; "files": ({ "filename": string; "sha256": string; "kind": string; "bytes": number | null; "fetched": boolean; "attested": string; "attestedWhy": string | null; "oddity": string | null; "yanked": string | null })[]; "notes": (string)[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Takes a release from the upstream index. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "by": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "version": string; "requestedBy": string; "state": string; "files": ({ "filename": string; "sha256": string; "kind": string; "bytes": number | null; "fetched": boolean; "attested": string; "attestedWhy": string | null; "oddity": string | null; "yanked": string | null })[]; "notes": (string)[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/imports/{id}": {
    /** One import, with its progress. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "project": string; "version": string; "requestedBy": string; "state": string; "files": ({ "filename": string; "sha256": string; "kind": string; "bytes": number | null; "fetched": boolean; "attested": string; "attestedWhy": string | null; "oddity": string | null; "yanked": string | null })[]; "notes": (string)[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "startedAt": string; "endedAt": string | null; "index": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/imports/{id}/cancel": {
    /** Asks for the end of an import that is not being published yet. */
    post: {
      parameters: { path: { id: string }; query?: never };
      requestBody: { content: { 'application/json': { "by": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/live": {
    /** Server-sent events: what moves in one project, or in all. */
    get: {
      parameters: { path?: never; query?: { project?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/openapi.json": {
    /** This document. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/plans": {
    /** What would be built; starts nothing. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "source"?: string; "targets": (string)[]; "limits"?: { "memoryBytes"?: number; "workBytes"?: number; "pidsMax"?: number; "stepMsMax"?: number; "silenceMsMax"?: number; "logBytesMax"?: number }; "again"?: boolean; "recipe"?: { "name": string; "text": string } } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "sha256": string; "project": string; "version": string; "cutoff": string; "sdist": { "sha256": string; "filename": string; "bytes": number }; "origin": string; "sourceDateEpoch": number; "cells": ({ "target": string; "tier": number; "state": string; "why": string | null; "rows": ({ "image": string; "imageKey": string; "build": string; "test": string; "floor": string; "buildPool": string })[]; "passed": ({ "image": string; "why": string })[]; "expectedMs": number | null; "expectedBytes": number | null })[]; "unsupported": ({ "option": string; "why": string })[]; "unchanged": boolean; "images": ({ "name": string; "state": "made" | "missing" | "making" | "failed"; "expectedSeconds": number; "expectedBytes": number; "seconds": number; "note": string })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/projects": {
    /** All projects with their coverage at a glance. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "projects": ({ "name": string; "displayName": string; "version": string | null; "state": string | null; "buildId": string | null; "startedAt": string | null; "served": number; "failed": number; "open": number; "wanted": number; "platforms": ({ "platform": string; "served": number; "failed": number; "open": number; "wanted": number })[]; "asks": number })[]; "missing": ({ "platform": string; "projects": number; "wanted": number; "asks": number })[]; "blockedBy": ({ "name": string; "projects": number; "cells": number })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/projects/{name}": {
    /** The coverage grid of a project. */
    get: {
      parameters: { path: { name: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "name": string; "displayName": string; "held": boolean; "shapes": ((string)[])[]; "rows": ({ "version": string; "buildId": string; "state": string; "origin": string; "startedAt": string; "endedAt": string | null; "shape": number; "states": string; "tested": string; "upstream": string; "causes": Record<string, string>; "published": number })[]; "asks": ({ "platform": string; "count": number; "newest": string; "why": (string)[] })[]; "platforms": (string)[]; "index": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/projects/{name}/asks": {
    /** Asks for a platform; anybody may. */
    post: {
      parameters: { path: { name: string }; query?: never };
      requestBody: { content: { 'application/json': { "platform": string; "why"?: string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/queue": {
    /** Cells that wait or are built. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "waiting": ({ "buildId": string; "project": string; "version": string; "target": string; "state": string; "step": string | null; "attemptId": string | null; "worker": string | null; "since": string; "pool": string | null; "ahead": number; "expectedMs": number | null })[]; "builds": number; "total": number } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/registrations": {
    /** What is registered. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "project": string; "repository": null | { "fullName": string; "url": string; "state": string; "formerUrls": (string)[]; "polledAt": string | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null }; "subdirectory": string; "targets": (string)[]; "proof": { "kind": string; "evidence": string; "by": string; "at": string }; "registeredBy": string; "createdAt": string; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "page": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Registers a repository or watches a name. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "project"?: string; "targets": (string)[]; "by": string; "approval"?: { "why": string } } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "project": string; "repository": null | { "fullName": string; "url": string; "state": string; "formerUrls": (string)[]; "polledAt": string | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null }; "subdirectory": string; "targets": (string)[]; "proof": { "kind": string; "evidence": string; "by": string; "at": string }; "registeredBy": string; "createdAt": string; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "page": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/registrations/proposal": {
    /** What registering would do; writes nothing. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string; "project"?: string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "project": string | null; "repository": null | { "fullName": string; "url": string; "defaultBranch": string; "private": boolean; "archived": boolean; "parent": string | null; "admin": boolean; "who": string | null }; "subdirectory": string; "tags": (string)[]; "releases": (string)[]; "targets": ({ "target": string; "proposed": boolean; "why": string; "onIndex": boolean; "expectedMs": number | null; "expectedBytes": number | null })[]; "name": { "state": string; "owner": string | null; "evidence": string }; "report": ({ "level": string; "says": string; "fix": string })[]; "problems": ({ "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/registrations/{project}": {
    /** Takes a registration away; what was published stays. */
    delete: {
      parameters: { path: { project: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** One registration. */
    get: {
      parameters: { path: { project: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "project": string; "repository": null | { "fullName": string; "url": string; "state": string; "formerUrls": (string)[]; "polledAt": string | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null }; "subdirectory": string; "targets": (string)[]; "proof": { "kind": string; "evidence": string; "by": string; "at": string }; "registeredBy": string; "createdAt": string; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "page": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/session": {
    /** Signs out. */
    delete: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Who is signed in, and what they may do. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "login": string | null; "grants": ({ "project": string; "role": string })[]; "local": boolean; "github": boolean } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Signs a browser in with a token. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "token": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "login": string | null; "grants": ({ "project": string; "role": string })[]; "local": boolean; "github": boolean } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/sources": {
    /** Sources whose sdist is being made, the newest first. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "kind": string; "state": string; "filename": string; "bytes": number; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "sdist": { "sha256": string; "filename": string; "bytes": number } | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/sources/git": {
    /** A repository at one commit; its sdist is then made. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "what": string } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "kind": string; "state": string; "filename": string; "bytes": number; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "sdist": { "sha256": string; "filename": string; "bytes": number } | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/sources/{id}": {
    /** One source. */
    get: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "kind": string; "state": string; "filename": string; "bytes": number; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "sdist": { "sha256": string; "filename": string; "bytes": number } | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/sources/{id}/cancel": {
    /** Ends the making of an sdist. */
    post: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/sources/{sha256}": {
    /** Sends an sdist, or a folder as .tar.gz; its sdist is then made. */
    put: {
      parameters: { path: { sha256: string }; query: { kind: "folder" | "file"; filename: string; epoch?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "kind": string; "state": string; "filename": string; "bytes": number; "git"?: { "url": string; "ref": string | null; "commit": string; "subdirectory": string }; "sdist": { "sha256": string; "filename": string; "bytes": number } | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/status": {
    /** Counts and addresses of this farm. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "farmId": string; "version": string; "index": string; "dashboard": string; "projects": number; "files": number; "serial": number; "openBuilds": number; "uptimeMs": number; "trustFingerprint": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/tokens": {
    /** Your tokens; an admin sees all. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "name": string; "project": string; "role": string; "createdAt": string; "expiresAt": string | null; "lastUsedAt": string | null; "revokedAt": string | null })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
    /** Makes a token; it is shown this once. */
    post: {
      parameters: { path?: never; query?: never };
      requestBody: { content: { 'application/json': { "name": string; "project"?: string; "role": "viewer" | "trigger" | "maintainer" | "admin"; "days"?: number } } };
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "id": string; "name": string; "project": string; "role": string; "createdAt": string; "expiresAt": string | null; "lastUsedAt": string | null; "revokedAt": string | null; "token": string } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/tokens/{id}": {
    /** Revokes a token at once. */
    delete: {
      parameters: { path: { id: string }; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: {} };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/triggers": {
    /** Announced releases, newest first. */
    get: {
      parameters: { path?: never; query?: { limit?: string; project?: string } };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': ({ "id": string; "repository": string | null; "project": string | null; "cause": string; "ref": string; "commit": string | null; "state": string; "parts": ({ "project": string; "version": string | null; "sourceId": string | null; "buildId": string | null; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null })[]; "failure": { "code": string; "step": string; "blame": string; "retry": string; "message": string; "next": string; "evidence"?: { "file"?: string; "line"?: number; "text": string } } | null; "createdAt": string; "updatedAt": string })[] } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
  "/api/workers": {
    /** Workers of the last seven days. */
    get: {
      parameters: { path?: never; query?: never };
      requestBody?: never;
      responses: {
        '2XX': { headers: Record<string, string>; content: { 'application/json': { "workers": ({ "name": string; "pools": (string)[]; "seenAt": string; "running": number; "today": number; "failedByFarm": number; "now": ({ "attemptId": string; "target": string; "project": string | null; "version": string | null; "step": string | null; "since": string })[] })[] } } };
        default: { headers: Record<string, string>; content: { 'application/problem+json': Record<string, unknown> } };
      };
    };
  };
}
