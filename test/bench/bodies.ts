/** An alert as detection tools send it, with five observables. */
export function alertBody(serial: number, tags: readonly (number | string)[]): object {
  return {
    title: `Suspicious PowerShell on WS-${String(serial % 500).padStart(3, '0')}`,
    description:
      'Encoded command started by **winword.exe**; parent process `explorer.exe`, user `j.doe`.',
    statusValue: 'new',
    severity: (serial % 4) + 1,
    type: 'edr',
    source: 'sentinel',
    sourceRef: `incident-${serial}`,
    tags,
    observables: [
      { dataType: 'ip', data: `10.${serial % 200}.2.3` },
      { dataType: 'domain', data: `c2-${serial}.example.org` },
      { dataType: 'url', data: `https://c2-${serial}.example.org/stage/2` },
      { dataType: 'hash', data: serial.toString(16).padStart(64, '0') },
      { dataType: 'hostname', data: `ws-${serial % 500}.corp.example.org` },
    ],
  };
}
