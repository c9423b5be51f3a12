BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE api_keys (
	id VARCHAR(80) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	project VARCHAR(80) NOT NULL, 
	prefix VARCHAR(20) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, read_only BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_api_keys PRIMARY KEY (id), 
	CONSTRAINT uq_api_keys_sha256 UNIQUE (sha256)
);
INSERT INTO "api_keys" VALUES('key_41710d8aaba442cf899a3356','reader','default','sk-ft-5R5A','a61656fc9dbe9507a42073e2f7d3a617440ae4737b534c824c6c7472853abdaf','2026-11-26 22:01:45.806282',NULL,1);
CREATE TABLE artifacts (
	id INTEGER NOT NULL, 
	job_id VARCHAR(80), 
	kind VARCHAR(20) NOT NULL, 
	step INTEGER, 
	path TEXT NOT NULL, 
	sha256 VARCHAR(64), 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "artifacts" VALUES(1,'ftjob-83082888ba024e29a37ae000','checkpoint',1,'{home}/artifacts/ftjob-83082888ba024e29a37ae000/checkpoints/checkpoint-1',NULL,'2026-11-26 22:01:40.921109');
INSERT INTO "artifacts" VALUES(2,'ftjob-83082888ba024e29a37ae000','checkpoint',2,'{home}/artifacts/ftjob-83082888ba024e29a37ae000/checkpoints/checkpoint-2',NULL,'2026-11-26 22:01:41.377802');
INSERT INTO "artifacts" VALUES(3,'ftjob-83082888ba024e29a37ae000','checkpoint',3,'{home}/artifacts/ftjob-83082888ba024e29a37ae000/checkpoints/checkpoint-3',NULL,'2026-11-26 22:01:41.833179');
INSERT INTO "artifacts" VALUES(4,'ftjob-83082888ba024e29a37ae000','epoch',3,'{home}/artifacts/ftjob-83082888ba024e29a37ae000/epochs/step-3',NULL,'2026-11-26 22:01:41.846363');
INSERT INTO "artifacts" VALUES(5,'ftjob-83082888ba024e29a37ae000','adapter',NULL,'{home}/artifacts/ftjob-83082888ba024e29a37ae000/adapter',NULL,'2026-11-26 22:01:45.230727');
INSERT INTO "artifacts" VALUES(6,'ftjob-83082888ba024e29a37ae000','merged',NULL,'{home}/artifacts/ftjob-83082888ba024e29a37ae000/merged','28c6cc2d5db1fd8b9922e354d15065c9f4b3421abec61eb5e23bc5f677b4c5de','2026-11-26 22:01:45.230927');
CREATE TABLE budgets (
	model_name VARCHAR(200) NOT NULL, 
	usd_per_month FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_budgets PRIMARY KEY (model_name)
);
INSERT INTO "budgets" VALUES('orders',25.0,'2026-11-26 22:01:45.637987');
CREATE TABLE checkpoint_permissions (
	id VARCHAR(80) NOT NULL, 
	checkpoint VARCHAR(200) NOT NULL, 
	project VARCHAR(80) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_checkpoint_permissions PRIMARY KEY (id), 
	CONSTRAINT uq_checkpoint_permissions_checkpoint_project UNIQUE (checkpoint, project)
);
CREATE TABLE completions (
	id VARCHAR(80) NOT NULL, 
	project VARCHAR(80) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	request JSON NOT NULL, 
	response JSON NOT NULL, 
	metadata JSON NOT NULL, 
	example_id VARCHAR(80), 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_completions PRIMARY KEY (id), 
	CONSTRAINT fk_completions_example_id FOREIGN KEY(example_id) REFERENCES examples (id)
);
CREATE TABLE "cost_events" (
	id INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	model_name VARCHAR(200) NOT NULL, 
	base_model TEXT, 
	job_id TEXT, 
	dataset_size INTEGER, 
	tokens INTEGER, 
	cost FLOAT, 
	is_fine_tuned BOOLEAN, 
	metadata JSON NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	CONSTRAINT pk_cost_events PRIMARY KEY (id), 
	CONSTRAINT ck_cost_events_kind CHECK (kind IN ('training', 'inference', 'evaluation', 'judge'))
);
INSERT INTO "cost_events" VALUES(1,'training','orders','{home}/base-model','ftjob-83082888ba024e29a37ae000',11,576,NULL,1,'{"seconds": 5.11274431000038, "machine_usd_per_hour": null, "joules": null, "electricity_usd_per_kwh": null}','2026-11-26 22:01:45.231184');
INSERT INTO "cost_events" VALUES(2,'inference','orders',NULL,NULL,NULL,100,0.002,1,'{}','2026-11-26 22:01:45.636244');
INSERT INTO "cost_events" VALUES(3,'inference','gpt-4o',NULL,NULL,NULL,900,NULL,0,'{}','2026-11-26 22:01:45.637739');
INSERT INTO "cost_events" VALUES(4,'inference','orders',NULL,NULL,NULL,41,NULL,1,'{"latency_ms": 824.1418420002447, "version": 2}','2026-11-26 22:01:46.959552');
CREATE TABLE cost_totals (
	kind VARCHAR(20) NOT NULL, 
	model_name VARCHAR(200) NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	count INTEGER NOT NULL, 
	priced INTEGER NOT NULL, 
	total FLOAT NOT NULL, 
	squares FLOAT NOT NULL, 
	tokens INTEGER NOT NULL, 
	CONSTRAINT pk_cost_totals PRIMARY KEY (kind, model_name, day)
);
INSERT INTO "cost_totals" VALUES('inference','orders','2026-11-26',2,1,0.002,4.0e-06,141);
INSERT INTO "cost_totals" VALUES('inference','gpt-4o','2026-11-26',1,0,0.0,0.0,900);
CREATE TABLE dataset_examples (
	dataset_id INTEGER NOT NULL, 
	example_id VARCHAR(80) NOT NULL, 
	CONSTRAINT pk_dataset_examples PRIMARY KEY (dataset_id, example_id), 
	CONSTRAINT fk_dataset_examples_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id), 
	CONSTRAINT fk_dataset_examples_example_id FOREIGN KEY(example_id) REFERENCES examples (id)
);
INSERT INTO "dataset_examples" VALUES(1,'sha256:02252e37ac2873ad6e820f3145f61c1b9161bf76b32fb983c841fa57338ad04a');
INSERT INTO "dataset_examples" VALUES(1,'sha256:13db99ab992ae3c982af935861dd2f760602782425a2f5ccff798241f6f2cbfe');
INSERT INTO "dataset_examples" VALUES(1,'sha256:3d2fafaa8118ae13e868104992cc4c3d74d91048c5aa0eaf713a11672d360b8e');
INSERT INTO "dataset_examples" VALUES(1,'sha256:3daeea035eddcf33c381f933639ec1c0b29c3cfad2adced424fe2ca64d482c98');
INSERT INTO "dataset_examples" VALUES(1,'sha256:4a94f6fa951d7d8ddb30eaa87456e4b1ae655ac53fe3b396e8d3093e62912a9c');
INSERT INTO "dataset_examples" VALUES(1,'sha256:5891a68d13e4bad0559282ee9abf84bdaf47360190205343fd5a246020805228');
INSERT INTO "dataset_examples" VALUES(1,'sha256:5e92d22d9eb4bd376478936b92543f6f4e6d56c07baba142c259626a21083b08');
INSERT INTO "dataset_examples" VALUES(1,'sha256:64513f21058a7e59b6536c1fbe10e7079ab4b6970a86acb390c1e7656f46a3a4');
INSERT INTO "dataset_examples" VALUES(1,'sha256:788c3aebbaad360f9836e85f6b571776b332ed05ed2bd8e832bc47333cb2570b');
INSERT INTO "dataset_examples" VALUES(1,'sha256:b310eb0afb99c2783833c6cead4d13c948f8d1b2e8ab01e5a364309a7c305fa3');
INSERT INTO "dataset_examples" VALUES(1,'sha256:d45efc5b144560d0cd878944520afd21a8e768e3db88b1b7a83007f69f81c01f');
INSERT INTO "dataset_examples" VALUES(2,'sha256:02252e37ac2873ad6e820f3145f61c1b9161bf76b32fb983c841fa57338ad04a');
INSERT INTO "dataset_examples" VALUES(2,'sha256:13db99ab992ae3c982af935861dd2f760602782425a2f5ccff798241f6f2cbfe');
INSERT INTO "dataset_examples" VALUES(2,'sha256:3d2fafaa8118ae13e868104992cc4c3d74d91048c5aa0eaf713a11672d360b8e');
INSERT INTO "dataset_examples" VALUES(2,'sha256:3daeea035eddcf33c381f933639ec1c0b29c3cfad2adced424fe2ca64d482c98');
INSERT INTO "dataset_examples" VALUES(2,'sha256:4a94f6fa951d7d8ddb30eaa87456e4b1ae655ac53fe3b396e8d3093e62912a9c');
INSERT INTO "dataset_examples" VALUES(2,'sha256:5891a68d13e4bad0559282ee9abf84bdaf47360190205343fd5a246020805228');
INSERT INTO "dataset_examples" VALUES(2,'sha256:5e92d22d9eb4bd376478936b92543f6f4e6d56c07baba142c259626a21083b08');
INSERT INTO "dataset_examples" VALUES(2,'sha256:64513f21058a7e59b6536c1fbe10e7079ab4b6970a86acb390c1e7656f46a3a4');
INSERT INTO "dataset_examples" VALUES(2,'sha256:788c3aebbaad360f9836e85f6b571776b332ed05ed2bd8e832bc47333cb2570b');
INSERT INTO "dataset_examples" VALUES(2,'sha256:b310eb0afb99c2783833c6cead4d13c948f8d1b2e8ab01e5a364309a7c305fa3');
INSERT INTO "dataset_examples" VALUES(2,'sha256:d45efc5b144560d0cd878944520afd21a8e768e3db88b1b7a83007f69f81c01f');
INSERT INTO "dataset_examples" VALUES(2,'sha256:f6d6cb3f330def5e414c7de4d1249a5a8cc71a046ca1a1450a7bf47d961c8154');
INSERT INTO "dataset_examples" VALUES(3,'sha256:02252e37ac2873ad6e820f3145f61c1b9161bf76b32fb983c841fa57338ad04a');
INSERT INTO "dataset_examples" VALUES(3,'sha256:13db99ab992ae3c982af935861dd2f760602782425a2f5ccff798241f6f2cbfe');
INSERT INTO "dataset_examples" VALUES(3,'sha256:3d2fafaa8118ae13e868104992cc4c3d74d91048c5aa0eaf713a11672d360b8e');
INSERT INTO "dataset_examples" VALUES(3,'sha256:3daeea035eddcf33c381f933639ec1c0b29c3cfad2adced424fe2ca64d482c98');
INSERT INTO "dataset_examples" VALUES(3,'sha256:4a94f6fa951d7d8ddb30eaa87456e4b1ae655ac53fe3b396e8d3093e62912a9c');
INSERT INTO "dataset_examples" VALUES(3,'sha256:5891a68d13e4bad0559282ee9abf84bdaf47360190205343fd5a246020805228');
INSERT INTO "dataset_examples" VALUES(3,'sha256:5e92d22d9eb4bd376478936b92543f6f4e6d56c07baba142c259626a21083b08');
INSERT INTO "dataset_examples" VALUES(3,'sha256:64513f21058a7e59b6536c1fbe10e7079ab4b6970a86acb390c1e7656f46a3a4');
INSERT INTO "dataset_examples" VALUES(3,'sha256:788c3aebbaad360f9836e85f6b571776b332ed05ed2bd8e832bc47333cb2570b');
INSERT INTO "dataset_examples" VALUES(3,'sha256:b310eb0afb99c2783833c6cead4d13c948f8d1b2e8ab01e5a364309a7c305fa3');
INSERT INTO "dataset_examples" VALUES(3,'sha256:d45efc5b144560d0cd878944520afd21a8e768e3db88b1b7a83007f69f81c01f');
INSERT INTO "dataset_examples" VALUES(3,'sha256:f6d6cb3f330def5e414c7de4d1249a5a8cc71a046ca1a1450a7bf47d961c8154');
CREATE TABLE datasets (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	content_hash VARCHAR(80) NOT NULL, 
	format VARCHAR(20) NOT NULL, 
	path TEXT NOT NULL, 
	rows INTEGER NOT NULL, 
	recipe JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_datasets PRIMARY KEY (id)
);
INSERT INTO "datasets" VALUES(1,'orders','sha256:f11f04b6999580d8ff059059484f9a2fcff2f433bc938e9db218b888fb4dbb27','openai','{home}/datasets/orders.jsonl',11,'{"source": "distillation", "min_rating": 4, "domain": null, "task_type": null, "limit": null, "found": 11, "saved": 11}','2026-11-26 22:01:31.223757');
INSERT INTO "datasets" VALUES(2,'orders-built','sha256:650a0dae80109916292ca67523559dc15761e6646d36cfd6562cc56396d9b41f','openai','{home}/datasets/orders-built',12,'{"recipe": {"format": "openai", "tokens_of": null, "min_rating": null, "domains": [], "task_types": [], "models": [], "metadata": {}, "since": null, "until": null, "min_prompt": 0, "min_response": 0, "max_characters": null, "languages": [], "secrets": "ignore", "personal_data": "ignore", "near_duplicates": 0.8, "balance": null, "limit": null, "validation": 0.1, "test": 0.1, "stratify": "domain", "seed": 42}, "parts": {"train": {"file": "train.jsonl", "rows": 10, "content_hash": "sha256:6d4a0fe1974339fb54721ac5509ab109b8eb0e1411b5cbe7551830c5243ca7ea", "tokens": null}, "validation": {"file": "validation.jsonl", "rows": 1, "content_hash": "sha256:bbf7d775feb371db5055cae05ae8f785ee1c4799dd9b59a50bbad7f0ad1607d9", "tokens": null}, "test": {"file": "test.jsonl", "rows": 1, "content_hash": "sha256:9620a754fad9011a901afdeece02fc22e00d520c84529b5df741122e90049e9f", "tokens": null}}, "counts": {"read": 13, "kept": 12, "rejected": 0, "duplicates": 1, "left_out": 0}, "steps": {"near-duplicates": 1}, "findings": [], "conflicts": {"questions": 1, "rows": 2, "first": [[["captured calls", 3], ["captured calls", 13]]]}, "lengths": null, "sources": ["captured calls"], "versions": {"fine-tuning-pipeline": "0.1.0", "daft": "0.7.26", "bpe-openai": "0.1.4"}}','2026-11-26 22:01:32.378486');
INSERT INTO "datasets" VALUES(3,'orders-built','sha256:6d4a0fe1974339fb54721ac5509ab109b8eb0e1411b5cbe7551830c5243ca7ea','openai','{home}/datasets/orders-built/train.jsonl',10,'{"part_of": "sha256:650a0dae80109916292ca67523559dc15761e6646d36cfd6562cc56396d9b41f", "part": "train", "tokens": null}','2026-11-26 22:01:32.383164');
INSERT INTO "datasets" VALUES(4,'orders-built','sha256:bbf7d775feb371db5055cae05ae8f785ee1c4799dd9b59a50bbad7f0ad1607d9','openai','{home}/datasets/orders-built/validation.jsonl',1,'{"part_of": "sha256:650a0dae80109916292ca67523559dc15761e6646d36cfd6562cc56396d9b41f", "part": "validation", "tokens": null}','2026-11-26 22:01:32.383800');
INSERT INTO "datasets" VALUES(5,'orders-built','sha256:9620a754fad9011a901afdeece02fc22e00d520c84529b5df741122e90049e9f','openai','{home}/datasets/orders-built/test.jsonl',1,'{"part_of": "sha256:650a0dae80109916292ca67523559dc15761e6646d36cfd6562cc56396d9b41f", "part": "test", "tokens": null}','2026-11-26 22:01:32.383963');
CREATE TABLE deployment_events (
	id INTEGER NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	from_status VARCHAR(20), 
	to_status VARCHAR(20) NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	reason TEXT NOT NULL, 
	experiment_id VARCHAR(200), 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_deployment_events PRIMARY KEY (id), 
	CONSTRAINT fk_deployment_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT fk_deployment_events_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);
INSERT INTO "deployment_events" VALUES(1,1,NULL,'READY','root','registered',NULL,'2026-11-26 22:01:45.505832');
INSERT INTO "deployment_events" VALUES(2,2,NULL,'READY','root','registered',NULL,'2026-11-26 22:01:45.507093');
INSERT INTO "deployment_events" VALUES(3,1,'READY','DEPLOYED','root','first',NULL,'2026-11-26 22:01:45.508907');
INSERT INTO "deployment_events" VALUES(4,1,'DEPLOYED','ARCHIVED','root','version 2 was deployed',NULL,'2026-11-26 22:01:45.510159');
INSERT INTO "deployment_events" VALUES(5,2,'READY','DEPLOYED','root','better',NULL,'2026-11-26 22:01:45.510159');
CREATE TABLE "evaluation_results" (
	evaluation_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	prediction TEXT, 
	reference TEXT NOT NULL, 
	score FLOAT, 
	latency_ms FLOAT, 
	question TEXT, 
	scores JSON, 
	slices JSON, 
	cluster TEXT, 
	error TEXT, 
	cost FLOAT, 
	CONSTRAINT pk_evaluation_results PRIMARY KEY (evaluation_id, ordinal), 
	CONSTRAINT fk_evaluation_results_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "evaluation_results" VALUES(1,1,'a','a',1.0,10.0,'1','{"exact_match": 1.0, "token_f1": 1.0}','{"domain": "support"}',NULL,NULL,0.001);
INSERT INTO "evaluation_results" VALUES(1,2,'b','c',0.0,12.0,'2','{"exact_match": 0.0, "token_f1": 0.0}','{"domain": "support"}',NULL,NULL,NULL);
INSERT INTO "evaluation_results" VALUES(1,3,NULL,'d',NULL,NULL,'3','{"exact_match": null, "token_f1": null}','{"domain": "support"}',NULL,'timeout',NULL);
CREATE TABLE evaluations (
	id INTEGER NOT NULL, 
	model_name VARCHAR(200) NOT NULL, 
	model_version_id INTEGER, 
	model_type VARCHAR(20) NOT NULL, 
	metric VARCHAR(40) NOT NULL, 
	accuracy FLOAT, 
	precision FLOAT, 
	recall FLOAT, 
	f1_score FLOAT, 
	avg_latency_ms FLOAT, 
	cost_per_inference FLOAT, 
	test_set_size INTEGER NOT NULL, 
	metadata JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);
INSERT INTO "evaluations" VALUES(1,'orders',2,'fine_tuned','exact_match',0.5,0.5,0.5,0.5,11.0,0.001,3,'{"version": 2}','2026-11-26 22:01:45.515560');
CREATE TABLE examples (
	id VARCHAR(80) NOT NULL, 
	prompt TEXT NOT NULL, 
	response TEXT NOT NULL, 
	messages JSON, 
	tools JSON, 
	domain VARCHAR(200) NOT NULL, 
	task_type VARCHAR(200) NOT NULL, 
	rating INTEGER NOT NULL, 
	model_used VARCHAR(200) NOT NULL, 
	metadata JSON NOT NULL, 
	sightings INTEGER NOT NULL, 
	captured_at DATETIME NOT NULL, 
	last_seen_at DATETIME NOT NULL, judged BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_examples PRIMARY KEY (id), 
	CONSTRAINT ck_examples_rating_1_to_5 CHECK (rating BETWEEN 1 AND 5)
);
INSERT INTO "examples" VALUES('sha256:f6d6cb3f330def5e414c7de4d1249a5a8cc71a046ca1a1450a7bf47d961c8154','Where is order 0, please?','Order 0 is on its way.',NULL,NULL,'support','answer',2,'gpt-4o','{}',1,'2026-11-26 22:01:30.900380','2026-11-26 22:01:30.900380',1);
INSERT INTO "examples" VALUES('sha256:4a94f6fa951d7d8ddb30eaa87456e4b1ae655ac53fe3b396e8d3093e62912a9c','Where is order 1, please?','Order 1 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.197803','2026-11-26 22:01:31.197803',1);
INSERT INTO "examples" VALUES('sha256:fcf6eb9e4b81098a91039816fc560c9d549b39d3109b982c1dcd1762df077617','Where is order 2, please?','Order 2 is on its way.',NULL,NULL,'support','answer',2,'gpt-4o','{}',1,'2026-11-26 22:01:31.198882','2026-11-26 22:01:31.198882',1);
INSERT INTO "examples" VALUES('sha256:3daeea035eddcf33c381f933639ec1c0b29c3cfad2adced424fe2ca64d482c98','Where is order 3, please?','Order 3 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.199666','2026-11-26 22:01:31.199666',0);
INSERT INTO "examples" VALUES('sha256:02252e37ac2873ad6e820f3145f61c1b9161bf76b32fb983c841fa57338ad04a','Where is order 4, please?','Order 4 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.200405','2026-11-26 22:01:31.200405',0);
INSERT INTO "examples" VALUES('sha256:788c3aebbaad360f9836e85f6b571776b332ed05ed2bd8e832bc47333cb2570b','Where is order 5, please?','Order 5 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.201180','2026-11-26 22:01:31.201180',0);
INSERT INTO "examples" VALUES('sha256:5e92d22d9eb4bd376478936b92543f6f4e6d56c07baba142c259626a21083b08','Where is order 6, please?','Order 6 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.201907','2026-11-26 22:01:31.201907',0);
INSERT INTO "examples" VALUES('sha256:5891a68d13e4bad0559282ee9abf84bdaf47360190205343fd5a246020805228','Where is order 7, please?','Order 7 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.202693','2026-11-26 22:01:31.202693',0);
INSERT INTO "examples" VALUES('sha256:3d2fafaa8118ae13e868104992cc4c3d74d91048c5aa0eaf713a11672d360b8e','Where is order 8, please?','Order 8 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.206910','2026-11-26 22:01:31.206910',0);
INSERT INTO "examples" VALUES('sha256:64513f21058a7e59b6536c1fbe10e7079ab4b6970a86acb390c1e7656f46a3a4','Where is order 9, please?','Order 9 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.207706','2026-11-26 22:01:31.207706',0);
INSERT INTO "examples" VALUES('sha256:b310eb0afb99c2783833c6cead4d13c948f8d1b2e8ab01e5a364309a7c305fa3','Where is order 10, please?','Order 10 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.208483','2026-11-26 22:01:31.208483',0);
INSERT INTO "examples" VALUES('sha256:d45efc5b144560d0cd878944520afd21a8e768e3db88b1b7a83007f69f81c01f','Where is order 11, please?','Order 11 is on its way.',NULL,NULL,'support','answer',5,'gpt-4o','{}',1,'2026-11-26 22:01:31.209271','2026-11-26 22:01:31.209271',0);
INSERT INTO "examples" VALUES('sha256:13db99ab992ae3c982af935861dd2f760602782425a2f5ccff798241f6f2cbfe','Where is order 2, please?','Order 2 left the warehouse on Monday.',NULL,NULL,'support','answer',5,'human','{"corrects": "sha256:fcf6eb9e4b81098a91039816fc560c9d549b39d3109b982c1dcd1762df077617"}',1,'2026-11-26 22:01:31.213151','2026-11-26 22:01:31.213151',1);
CREATE TABLE experiment_clusters (
	experiment_id VARCHAR(200) NOT NULL, 
	arm VARCHAR(10) NOT NULL, 
	cluster_id VARCHAR(200) NOT NULL, 
	size INTEGER NOT NULL, 
	total FLOAT NOT NULL, 
	measures JSON, 
	CONSTRAINT pk_experiment_clusters PRIMARY KEY (experiment_id, arm, cluster_id), 
	CONSTRAINT fk_experiment_clusters_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
CREATE TABLE experiment_decisions (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(200) NOT NULL, 
	action VARCHAR(20) NOT NULL, 
	model VARCHAR(200), 
	reason TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_experiment_decisions PRIMARY KEY (id), 
	CONSTRAINT fk_experiment_decisions_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "experiment_decisions" VALUES(1,'concluded','concluded',NULL,'orders-v2','2026-11-26 22:01:45.635504');
CREATE TABLE experiment_looks (
	experiment_id VARCHAR(200) NOT NULL, 
	size INTEGER NOT NULL, 
	effect FLOAT NOT NULL, 
	low FLOAT, 
	high FLOAT, 
	p_value FLOAT, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_experiment_looks PRIMARY KEY (experiment_id, size), 
	CONSTRAINT fk_experiment_looks_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "experiment_looks" VALUES('concluded',1,0.0,-1.0,1.0,1.0,'2026-11-26 22:01:45.524153');
INSERT INTO "experiment_looks" VALUES('concluded',2,0.5,-1.0,1.0,1.0,'2026-11-26 22:01:45.526040');
INSERT INTO "experiment_looks" VALUES('concluded',3,6.66666666666666740681e-01,-1.0,1.0,9.54545454545454141737e-01,'2026-11-26 22:01:45.527366');
INSERT INTO "experiment_looks" VALUES('concluded',4,0.75,-1.0,1.0,8.75000000000000333066e-01,'2026-11-26 22:01:45.528512');
INSERT INTO "experiment_looks" VALUES('concluded',5,0.6,-1.0,1.0,8.75000000000000333066e-01,'2026-11-26 22:01:45.529557');
INSERT INTO "experiment_looks" VALUES('concluded',6,6.66666666666666740681e-01,-1.0,1.0,0.774038461538462,'2026-11-26 22:01:45.530699');
INSERT INTO "experiment_looks" VALUES('concluded',7,7.14285714285714301574e-01,-1.0,1.0,6.63461538461538435917e-01,'2026-11-26 22:01:45.531848');
INSERT INTO "experiment_looks" VALUES('concluded',8,0.75,-1.0,1.0,5.52884615384614530597e-01,'2026-11-26 22:01:45.532910');
INSERT INTO "experiment_looks" VALUES('concluded',9,6.66666666666666740681e-01,-1.0,1.0,5.52884615384614530597e-01,'2026-11-26 22:01:45.533957');
INSERT INTO "experiment_looks" VALUES('concluded',10,0.7,-0.869814178609726,1.0,4.49218749999999722444e-01,'2026-11-26 22:01:45.535150');
INSERT INTO "experiment_looks" VALUES('concluded',11,7.27272727272727292913e-01,-6.70487298702816314488e-01,1.0,3.5673253676470595419e-01,'2026-11-26 22:01:45.536675');
INSERT INTO "experiment_looks" VALUES('concluded',12,0.75,-5.05496974973476342896e-01,1.0,2.77458639705882748049e-01,'2026-11-26 22:01:45.537775');
INSERT INTO "experiment_looks" VALUES('concluded',13,6.92307692307692290611e-01,-5.01316991783061549625e-01,1.0,2.77458639705882748049e-01,'2026-11-26 22:01:45.538961');
INSERT INTO "experiment_looks" VALUES('concluded',14,7.14285714285714301574e-01,-3.76967230836296685048e-01,1.0,2.11744751354489252337e-01,'2026-11-26 22:01:45.540112');
INSERT INTO "experiment_looks" VALUES('concluded',15,7.33333333333333392545e-01,-2.69641095669185704153e-01,1.0,1.58808563515866807414e-01,'2026-11-26 22:01:45.541220');
INSERT INTO "experiment_looks" VALUES('concluded',16,0.75,-1.76239925284451870446e-01,1.0,1.17215844499806501333e-01,'2026-11-26 22:01:45.542296');
INSERT INTO "experiment_looks" VALUES('concluded',17,7.0588235294117640528e-01,-1.76239925284451870446e-01,1.0,1.17215844499806501333e-01,'2026-11-26 22:01:45.543575');
INSERT INTO "experiment_looks" VALUES('concluded',18,7.22222222222222209886e-01,-1.15034266744135749149e-01,1.0,8.52478869089503404898e-02,'2026-11-26 22:01:45.544729');
INSERT INTO "experiment_looks" VALUES('concluded',19,0.736842105263158,-4.69732266626375905005e-02,1.0,6.11560927825078246011e-02,'2026-11-26 22:01:45.545975');
INSERT INTO "experiment_looks" VALUES('concluded',20,0.75,1.40197295718779146866e-02,1.0,4.33188990542764315594e-02,'2026-11-26 22:01:45.547269');
INSERT INTO "experiment_looks" VALUES('concluded',21,7.14285714285714301574e-01,1.40197295718779146866e-02,1.0,4.33188990542764315594e-02,'2026-11-26 22:01:45.548358');
INSERT INTO "experiment_looks" VALUES('concluded',23,7.39130434782608647381e-01,9.38648534114547850037e-02,1.0,2.099300492630312015e-02,'2026-11-26 22:01:45.550322');
INSERT INTO "experiment_looks" VALUES('concluded',25,0.72,1.37377699775561912254e-01,1.0,1.43840959680225245059e-02,'2026-11-26 22:01:45.552641');
INSERT INTO "experiment_looks" VALUES('concluded',27,7.40740740740740699621e-01,1.90679159626915950553e-01,1.0,6.5631866455078237757e-03,'2026-11-26 22:01:45.554923');
INSERT INTO "experiment_looks" VALUES('concluded',29,7.24137931034482762449e-01,2.2363640122584771408e-01,1.0,4.37545776367187760208e-03,'2026-11-26 22:01:45.557493');
INSERT INTO "experiment_looks" VALUES('concluded',31,7.41935483870967749098e-01,2.61203267242425429817e-01,1.0,1.89882516860962195955e-03,'2026-11-26 22:01:45.559660');
INSERT INTO "experiment_looks" VALUES('concluded',33,7.27272727272727292913e-01,2.87262718963420815576e-01,1.0,1.23711336742748315847e-03,'2026-11-26 22:01:45.561688');
INSERT INTO "experiment_looks" VALUES('concluded',35,7.42857142857142882519e-01,3.14816897222666036704e-01,1.0,5.14597577207229163118e-04,'2026-11-26 22:01:45.563856');
INSERT INTO "experiment_looks" VALUES('concluded',37,7.29729729729729714726e-01,3.36098313761256595189e-01,1.0,0.00032877067432684,'2026-11-26 22:01:45.566013');
INSERT INTO "experiment_looks" VALUES('concluded',39,7.43589743589743612517e-01,3.56931135507040586674e-01,1.0,1.31882404210766687041e-04,'2026-11-26 22:01:45.568251');
INSERT INTO "experiment_looks" VALUES('running',1,0.0,-1.0,1.0,1.0,'2026-11-26 22:01:45.571798');
INSERT INTO "experiment_looks" VALUES('running',2,0.5,-1.0,1.0,1.0,'2026-11-26 22:01:45.572910');
INSERT INTO "experiment_looks" VALUES('running',3,6.66666666666666740681e-01,-1.0,1.0,9.54545454545454141737e-01,'2026-11-26 22:01:45.573969');
INSERT INTO "experiment_looks" VALUES('running',4,0.75,-1.0,1.0,8.75000000000000333066e-01,'2026-11-26 22:01:45.575205');
INSERT INTO "experiment_looks" VALUES('running',5,0.6,-1.0,1.0,8.75000000000000333066e-01,'2026-11-26 22:01:45.576634');
INSERT INTO "experiment_looks" VALUES('running',6,6.66666666666666740681e-01,-1.0,1.0,0.774038461538462,'2026-11-26 22:01:45.577787');
INSERT INTO "experiment_looks" VALUES('running',7,7.14285714285714301574e-01,-1.0,1.0,6.63461538461538435917e-01,'2026-11-26 22:01:45.578976');
INSERT INTO "experiment_looks" VALUES('running',8,0.75,-1.0,1.0,5.52884615384614530597e-01,'2026-11-26 22:01:45.580057');
INSERT INTO "experiment_looks" VALUES('running',9,6.66666666666666740681e-01,-1.0,1.0,5.52884615384614530597e-01,'2026-11-26 22:01:45.581073');
INSERT INTO "experiment_looks" VALUES('running',10,0.7,-0.869814178609726,1.0,4.49218749999999722444e-01,'2026-11-26 22:01:45.582105');
INSERT INTO "experiment_looks" VALUES('running',11,7.27272727272727292913e-01,-6.70487298702816314488e-01,1.0,3.5673253676470595419e-01,'2026-11-26 22:01:45.583363');
INSERT INTO "experiment_looks" VALUES('running',12,0.75,-5.05496974973476342896e-01,1.0,2.77458639705882748049e-01,'2026-11-26 22:01:45.584531');
INSERT INTO "experiment_looks" VALUES('running',13,6.92307692307692290611e-01,-5.01316991783061549625e-01,1.0,2.77458639705882748049e-01,'2026-11-26 22:01:45.585811');
INSERT INTO "experiment_looks" VALUES('running',14,7.14285714285714301574e-01,-3.76967230836296685048e-01,1.0,2.11744751354489252337e-01,'2026-11-26 22:01:45.587147');
INSERT INTO "experiment_looks" VALUES('running',15,7.33333333333333392545e-01,-2.69641095669185704153e-01,1.0,1.58808563515866807414e-01,'2026-11-26 22:01:45.588271');
INSERT INTO "experiment_looks" VALUES('running',16,0.75,-1.76239925284451870446e-01,1.0,1.17215844499806501333e-01,'2026-11-26 22:01:45.589333');
INSERT INTO "experiment_looks" VALUES('running',17,7.0588235294117640528e-01,-1.76239925284451870446e-01,1.0,1.17215844499806501333e-01,'2026-11-26 22:01:45.590421');
INSERT INTO "experiment_looks" VALUES('running',18,7.22222222222222209886e-01,-1.15034266744135749149e-01,1.0,8.52478869089503404898e-02,'2026-11-26 22:01:45.591733');
INSERT INTO "experiment_looks" VALUES('running',19,0.736842105263158,-4.69732266626375905005e-02,1.0,6.11560927825078246011e-02,'2026-11-26 22:01:45.592877');
INSERT INTO "experiment_looks" VALUES('running',20,0.75,1.40197295718779146866e-02,1.0,4.33188990542764315594e-02,'2026-11-26 22:01:45.594001');
INSERT INTO "experiment_looks" VALUES('running',21,7.14285714285714301574e-01,1.40197295718779146866e-02,1.0,4.33188990542764315594e-02,'2026-11-26 22:01:45.595317');
INSERT INTO "experiment_looks" VALUES('running',23,7.39130434782608647381e-01,9.38648534114547850037e-02,1.0,2.099300492630312015e-02,'2026-11-26 22:01:45.597689');
INSERT INTO "experiment_looks" VALUES('running',25,0.72,1.37377699775561912254e-01,1.0,1.43840959680225245059e-02,'2026-11-26 22:01:45.599857');
INSERT INTO "experiment_looks" VALUES('running',27,7.40740740740740699621e-01,1.90679159626915950553e-01,1.0,6.5631866455078237757e-03,'2026-11-26 22:01:45.601780');
INSERT INTO "experiment_looks" VALUES('running',29,7.24137931034482762449e-01,2.2363640122584771408e-01,1.0,4.37545776367187760208e-03,'2026-11-26 22:01:45.604135');
INSERT INTO "experiment_looks" VALUES('running',31,7.41935483870967749098e-01,2.61203267242425429817e-01,1.0,1.89882516860962195955e-03,'2026-11-26 22:01:45.610896');
INSERT INTO "experiment_looks" VALUES('running',33,7.27272727272727292913e-01,2.87262718963420815576e-01,1.0,1.23711336742748315847e-03,'2026-11-26 22:01:45.623266');
INSERT INTO "experiment_looks" VALUES('running',35,7.42857142857142882519e-01,3.14816897222666036704e-01,1.0,5.14597577207229163118e-04,'2026-11-26 22:01:45.628650');
INSERT INTO "experiment_looks" VALUES('running',37,7.29729729729729714726e-01,3.36098313761256595189e-01,1.0,0.00032877067432684,'2026-11-26 22:01:45.630709');
INSERT INTO "experiment_looks" VALUES('running',39,7.43589743589743612517e-01,3.56931135507040586674e-01,1.0,1.31882404210766687041e-04,'2026-11-26 22:01:45.632756');
CREATE TABLE experiments (
	id VARCHAR(200) NOT NULL, 
	model_a VARCHAR(200) NOT NULL, 
	model_b VARCHAR(200) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	metadata JSON NOT NULL, 
	result JSON, 
	started_at DATETIME NOT NULL, 
	completed_at DATETIME, design JSON DEFAULT '{}' NOT NULL, statistics JSON, slots JSON DEFAULT '[[0, 1000]]' NOT NULL, layer VARCHAR(200), pinned JSON, late INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id), 
	CONSTRAINT ck_experiments_status CHECK (status IN ('running', 'completed'))
);
INSERT INTO "experiments" VALUES('concluded','orders-v1','orders-v2','completed','{"owner": "support"}','{"test_id": "concluded", "model_a": "orders-v1", "model_b": "orders-v2", "status": "completed", "total_samples": 80, "model_a_accuracy": 0.25, "model_b_accuracy": 1.0, "accuracy_improvement": 0.75, "model_a_avg_latency": 20.0, "model_b_avg_latency": 10.0, "latency_improvement": 10.0, "model_a_cost_per_inference": 0.0020000000000000013, "model_b_cost_per_inference": 0.0010000000000000007, "cost_improvement": 0.0010000000000000007, "statistical_significance": true, "confidence_level": 0.95, "started_at": "2026-11-26T22:01:45.518379+00:00", "completed_at": "2026-11-26T22:01:45.634319+00:00", "metadata": {"owner": "support"}, "p_value": 8.284920264522533e-05, "model_a_samples": 40, "model_b_samples": 40, "intervals": {"accuracy": [0.3747513290988948, 1.0], "latency": [null, null], "cost": [null, null]}, "design": "anytime", "effect": 0.75, "favours": 1, "samples_needed": 0, "is_over": false, "guardrails": [], "ratio_mismatch_p": 1.0, "withheld": "", "score": "binary", "margin": 0.05, "is_paired": false, "late_samples": 0}','2026-11-26 22:01:45.518379','2026-11-26 22:01:45.634738','{"kind": "anytime", "alpha": 0.05, "planned": null, "looks": 8, "spending": "t2", "score": "binary", "low": 0.0, "high": 1.0, "metric": "exact_match", "margin": 0.05, "split": 0.5, "guardrails": [], "ramp": 1.0, "layer": null, "auto": false}','{"arms": {"model_a": {"samples": 40, "scores": {"count": 40, "total": 10.0, "squares": 7.499999999999999, "cubes": 3.75}, "measures": {"errors": {"count": 40, "total": 0.0, "squares": 0.0, "cubes": 0.0}, "latency": {"count": 40, "total": 800.0, "squares": 0.0, "cubes": 0.0}, "cost": {"count": 40, "total": 0.08000000000000006, "squares": 3.637760960372624e-35, "cubes": 7.567005533898018e-54}}, "latencies": {"buckets": {}}, "covaried": {"count": 0, "mean_x": 0.0, "mean_y": 0.0, "xx": 0.0, "xy": 0.0, "yy": 0.0}, "clusters": {"count": 40, "s_squared": 10.0, "s_n": 10.0, "n_squared": 40.0}, "by_cluster": {"errors": {"count": 40, "s_squared": 0.0, "s_n": 0.0, "n_squared": 40.0}, "latency": {"count": 40, "s_squared": 16000.0, "s_n": 800.0, "n_squared": 40.0}, "cost": {"count": 40, "s_squared": 0.00015999999999999993, "s_n": 0.08000000000000006, "n_squared": 40.0}}}, "model_b": {"samples": 40, "scores": {"count": 40, "total": 40.0, "squares": 0.0, "cubes": 0.0}, "measures": {"errors": {"count": 40, "total": 0.0, "squares": 0.0, "cubes": 0.0}, "latency": {"count": 40, "total": 400.0, "squares": 0.0, "cubes": 0.0}, "cost": {"count": 40, "total": 0.04000000000000003, "squares": 9.09440240093156e-36, "cubes": 9.458756917372522e-55}}, "latencies": {"buckets": {}}, "covaried": {"count": 0, "mean_x": 0.0, "mean_y": 0.0, "xx": 0.0, "xy": 0.0, "yy": 0.0}, "clusters": {"count": 40, "s_squared": 40.0, "s_n": 40.0, "n_squared": 40.0}, "by_cluster": {"errors": {"count": 40, "s_squared": 0.0, "s_n": 0.0, "n_squared": 40.0}, "latency": {"count": 40, "s_squared": 4000.0, "s_n": 400.0, "n_squared": 40.0}, "cost": {"count": 40, "s_squared": 3.999999999999998e-05, "s_n": 0.04000000000000003, "n_squared": 40.0}}}}, "by_id": {"differences": {"count": 0, "total": 0.0, "squares": 0.0, "cubes": 0.0}, "wins": 0, "losses": 0, "log_e": 0.0, "favours": 0, "wealth": null, "bets_favour": 0}, "by_order": {"differences": {"count": 40, "total": 30.0, "squares": 7.499999999999999, "cubes": -3.75}, "wins": 30, "losses": 0, "log_e": 9.398488438214956, "favours": 1, "wealth": null, "bets_favour": 0}, "pair_clusters": {"count": 0, "s_squared": 0.0, "s_n": 0.0, "n_squared": 0.0}, "log_e": 12.379864769194793, "favours": 1, "low": 0.3747513290988948, "high": 1.1252486709011051, "looks": [], "mismatch": 0.0, "next_look": 41}','[[0, 1000]]',NULL,'{"model_a": "orders-v1", "model_b": "orders-v2"}',0);
INSERT INTO "experiments" VALUES('running','orders-v1','orders-v2','running','{"owner": "support"}',NULL,'2026-11-26 22:01:45.570063',NULL,'{"kind": "anytime", "alpha": 0.05, "planned": null, "looks": 8, "spending": "t2", "score": "binary", "low": 0.0, "high": 1.0, "metric": "exact_match", "margin": 0.05, "split": 0.5, "guardrails": [], "ramp": 1.0, "layer": null, "auto": false}','{"arms": {"model_a": {"samples": 40, "scores": {"count": 40, "total": 10.0, "squares": 7.499999999999999, "cubes": 3.75}, "measures": {"errors": {"count": 40, "total": 0.0, "squares": 0.0, "cubes": 0.0}, "latency": {"count": 40, "total": 800.0, "squares": 0.0, "cubes": 0.0}, "cost": {"count": 40, "total": 0.08000000000000006, "squares": 3.637760960372624e-35, "cubes": 7.567005533898018e-54}}, "latencies": {"buckets": {}}, "covaried": {"count": 0, "mean_x": 0.0, "mean_y": 0.0, "xx": 0.0, "xy": 0.0, "yy": 0.0}, "clusters": {"count": 40, "s_squared": 10.0, "s_n": 10.0, "n_squared": 40.0}, "by_cluster": {"errors": {"count": 40, "s_squared": 0.0, "s_n": 0.0, "n_squared": 40.0}, "latency": {"count": 40, "s_squared": 16000.0, "s_n": 800.0, "n_squared": 40.0}, "cost": {"count": 40, "s_squared": 0.00015999999999999993, "s_n": 0.08000000000000006, "n_squared": 40.0}}}, "model_b": {"samples": 40, "scores": {"count": 40, "total": 40.0, "squares": 0.0, "cubes": 0.0}, "measures": {"errors": {"count": 40, "total": 0.0, "squares": 0.0, "cubes": 0.0}, "latency": {"count": 40, "total": 400.0, "squares": 0.0, "cubes": 0.0}, "cost": {"count": 40, "total": 0.04000000000000003, "squares": 9.09440240093156e-36, "cubes": 9.458756917372522e-55}}, "latencies": {"buckets": {}}, "covaried": {"count": 0, "mean_x": 0.0, "mean_y": 0.0, "xx": 0.0, "xy": 0.0, "yy": 0.0}, "clusters": {"count": 40, "s_squared": 40.0, "s_n": 40.0, "n_squared": 40.0}, "by_cluster": {"errors": {"count": 40, "s_squared": 0.0, "s_n": 0.0, "n_squared": 40.0}, "latency": {"count": 40, "s_squared": 4000.0, "s_n": 400.0, "n_squared": 40.0}, "cost": {"count": 40, "s_squared": 3.999999999999998e-05, "s_n": 0.04000000000000003, "n_squared": 40.0}}}}, "by_id": {"differences": {"count": 0, "total": 0.0, "squares": 0.0, "cubes": 0.0}, "wins": 0, "losses": 0, "log_e": 0.0, "favours": 0, "wealth": null, "bets_favour": 0}, "by_order": {"differences": {"count": 40, "total": 30.0, "squares": 7.499999999999999, "cubes": -3.75}, "wins": 30, "losses": 0, "log_e": 9.398488438214956, "favours": 1, "wealth": null, "bets_favour": 0}, "pair_clusters": {"count": 0, "s_squared": 0.0, "s_n": 0.0, "n_squared": 0.0}, "log_e": 12.379864769194793, "favours": 1, "low": 0.3747513290988948, "high": 1.1252486709011051, "looks": [], "mismatch": 0.0, "next_look": 41}','[[0, 1000]]',NULL,'{"model_a": "orders-v1", "model_b": "orders-v2"}',0);
CREATE TABLE exports (
	id INTEGER NOT NULL, 
	model_version_id INTEGER, 
	job_id VARCHAR(80), 
	target VARCHAR(20) NOT NULL, 
	quantization VARCHAR(20), 
	path TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	parity JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_exports PRIMARY KEY (id), 
	CONSTRAINT fk_exports_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id), 
	CONSTRAINT fk_exports_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
CREATE TABLE files (
	id VARCHAR(80) NOT NULL, 
	provider VARCHAR(200) NOT NULL, 
	provider_file_id VARCHAR(200), 
	purpose VARCHAR(40) NOT NULL, 
	filename TEXT NOT NULL, 
	path TEXT NOT NULL, 
	bytes INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	dataset_id INTEGER, 
	created_at DATETIME NOT NULL, project VARCHAR(80) DEFAULT 'default' NOT NULL, status VARCHAR(20) DEFAULT 'processed' NOT NULL, expires_at DATETIME, deleted_at DATETIME, 
	CONSTRAINT pk_files PRIMARY KEY (id), 
	CONSTRAINT fk_files_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id)
);
INSERT INTO "files" VALUES('file-7bf7fa49e8504382ac1d0efe','local','file-7bf7fa49e8504382ac1d0efe','fine-tune','orders.jsonl','{home}/files/file-7bf7fa49e8504382ac1d0efe.jsonl',1482,'db93de55d0ddff885d0f6ee74f380e478029b5a26bd4821bed7ff5e0b7b20a0b',1,'2026-11-26 22:01:32.398621','default','processed',NULL,NULL);
INSERT INTO "files" VALUES('file-07298ad2b97540e680ec9883','local',NULL,'fine-tune-results','step_metrics.csv','{home}/files/file-07298ad2b97540e680ec9883.csv',146,'cdf1e26138ad0e234d650421239c4630b65c24ce143a41698f7c16f5e7873aa0',NULL,'2026-11-26 22:01:45.230054','default','processed',NULL,NULL);
CREATE TABLE imports (
	path TEXT NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	rows INTEGER NOT NULL, 
	imported_at DATETIME NOT NULL, 
	CONSTRAINT pk_imports PRIMARY KEY (path, kind)
);
CREATE TABLE job_events (
	id INTEGER NOT NULL, 
	job_id VARCHAR(80) NOT NULL, 
	created_at DATETIME NOT NULL, 
	level VARCHAR(10) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	message TEXT NOT NULL, 
	data JSON NOT NULL, 
	CONSTRAINT pk_job_events PRIMARY KEY (id), 
	CONSTRAINT fk_job_events_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "job_events" VALUES(1,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:32.447260','info','message','job created','{}');
INSERT INTO "job_events" VALUES(2,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:33.012371','info','message','preparing base model {home}/base-model','{}');
INSERT INTO "job_events" VALUES(3,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:33.013757','info','message','loading the training libraries','{}');
INSERT INTO "job_events" VALUES(4,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:40.216190','info','message','about 0.00 GB of memory are needed (0.00 weights, 0.00 trained, 0.00 activations, 0.00 logits), 22.51 GB are free','{"needed": {"weights": 37824, "trained": 16384, "activations": 440448, "logits": 291600}, "free": 22510039040}');
INSERT INTO "job_events" VALUES(5,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:40.217334','info','message','training','{"step": 0, "workers": 1}');
INSERT INTO "job_events" VALUES(6,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:40.897340','info','metrics','step 1/3','{"step": 1, "total_steps": 3, "epoch": 0.3333333333333333, "train_loss": 6.436913967132568, "token_accuracy": 0.0, "learning_rate": 0.001, "trained_tokens": 217, "tokens_per_second": 516.6267806190332, "seconds_left": 0.8400648520000686}');
INSERT INTO "job_events" VALUES(7,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:40.921645','info','checkpoint','checkpoint at step 1','{"step": 1, "path": "{home}/artifacts/ftjob-83082888ba024e29a37ae000/checkpoints/checkpoint-1"}');
INSERT INTO "job_events" VALUES(8,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:41.356015','info','metrics','step 2/3','{"step": 2, "total_steps": 3, "epoch": 0.6666666666666666, "train_loss": 6.409565448760986, "token_accuracy": 0.0, "learning_rate": 0.0006666666666666666, "trained_tokens": 423, "tokens_per_second": 481.38950944651697, "seconds_left": 0.4393531555001573}');
INSERT INTO "job_events" VALUES(9,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:41.377997','info','checkpoint','checkpoint at step 2','{"step": 2, "path": "{home}/artifacts/ftjob-83082888ba024e29a37ae000/checkpoints/checkpoint-2"}');
INSERT INTO "job_events" VALUES(10,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:41.810465','info','metrics','step 3/3','{"step": 3, "total_steps": 3, "epoch": 1.0, "train_loss": 6.221542835235596, "token_accuracy": 0.0, "learning_rate": 0.0003333333333333333, "trained_tokens": 576, "tokens_per_second": 432.0509107191986, "seconds_left": 0.0}');
INSERT INTO "job_events" VALUES(11,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:41.833403','info','checkpoint','checkpoint at step 3','{"step": 3, "path": "{home}/artifacts/ftjob-83082888ba024e29a37ae000/checkpoints/checkpoint-3"}');
INSERT INTO "job_events" VALUES(12,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:41.846715','info','epoch','epoch 1 ended','{"step": 3, "path": "{home}/artifacts/ftjob-83082888ba024e29a37ae000/epochs/step-3"}');
INSERT INTO "job_events" VALUES(13,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:41.858995','info','message','merging the adapter into the base model','{}');
INSERT INTO "job_events" VALUES(14,'ftjob-83082888ba024e29a37ae000','2026-11-26 22:01:45.231043','info','message','job succeeded: ft:base-model:local:orders:83082888ba02','{}');
CREATE TABLE jobs (
	id VARCHAR(80) NOT NULL, 
	provider VARCHAR(200) NOT NULL, 
	provider_job_id VARCHAR(200), 
	idempotency_key VARCHAR(200) NOT NULL, 
	model TEXT NOT NULL, 
	training_file_id TEXT NOT NULL, 
	validation_file_id TEXT, 
	dataset_id INTEGER, 
	suffix VARCHAR(200), 
	hyperparameters JSON NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	requested VARCHAR(10) NOT NULL, 
	fine_tuned_model TEXT, 
	trained_tokens INTEGER, 
	error JSON, 
	result JSON, 
	worker VARCHAR(200), 
	lease_expires_at DATETIME, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, project VARCHAR(80) DEFAULT 'default' NOT NULL, pooled BOOLEAN DEFAULT 0 NOT NULL, deaths INTEGER DEFAULT '0' NOT NULL, base_model TEXT, method JSON, seed INTEGER, metadata JSON, integrations JSON, result_file_id TEXT, estimate JSON, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT ck_jobs_requested CHECK (requested IN ('run', 'pause', 'cancel')), 
	CONSTRAINT ck_jobs_status CHECK (status IN ('validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')), 
	CONSTRAINT fk_jobs_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id), 
	CONSTRAINT uq_jobs_idempotency_key UNIQUE (idempotency_key)
);
INSERT INTO "jobs" VALUES('ftjob-83082888ba024e29a37ae000','local',NULL,'e6355a9e3be64980ac6713c0d909690a','{home}/base-model','file-7bf7fa49e8504382ac1d0efe',NULL,1,'orders','{"n_epochs": 1, "learning_rate_multiplier": 1.0, "lora_rank": 2}','succeeded','run','ft:base-model:local:orders:83082888ba02',576,NULL,'{"status": "succeeded", "steps": 3, "trained_tokens": 576, "train_loss": 6.35600741704305, "validation_loss": null, "wall_seconds": 5.11274431000038, "rows": 11, "truncated": [], "dropped": [], "adapter_dir": "{home}/artifacts/ftjob-83082888ba024e29a37ae000/adapter", "merged_dir": "{home}/artifacts/ftjob-83082888ba024e29a37ae000/merged", "joules": null}',NULL,NULL,'2026-11-26 22:01:32.441794','2026-11-26 22:01:33.002454','2026-11-26 22:01:45.229065','default',0,0,NULL,NULL,NULL,NULL,NULL,'file-07298ad2b97540e680ec9883','{"tokens": 576, "seconds": null, "usd": null}');
CREATE TABLE model_aliases (
	model_name VARCHAR(200) NOT NULL, 
	alias VARCHAR(200) NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	CONSTRAINT pk_model_aliases PRIMARY KEY (model_name, alias), 
	CONSTRAINT fk_model_aliases_model_name FOREIGN KEY(model_name) REFERENCES models (name), 
	CONSTRAINT fk_model_aliases_model_version_id FOREIGN KEY(model_version_id) REFERENCES model_versions (id)
);
INSERT INTO "model_aliases" VALUES('orders','champion',2);
CREATE TABLE model_shutdowns (
	provider VARCHAR(200) NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	shutdown_date VARCHAR(10), 
	checked_at DATETIME NOT NULL, 
	CONSTRAINT pk_model_shutdowns PRIMARY KEY (provider, model)
);
CREATE TABLE model_versions (
	id INTEGER NOT NULL, 
	model_name VARCHAR(200) NOT NULL, 
	version INTEGER NOT NULL, 
	base_model TEXT NOT NULL, 
	job_id TEXT NOT NULL, 
	job_ref VARCHAR(80), 
	artifact_id INTEGER, 
	dataset_size INTEGER NOT NULL, 
	accuracy FLOAT, 
	cost FLOAT, 
	status VARCHAR(20) NOT NULL, 
	provider VARCHAR(200), 
	provider_model TEXT, 
	metadata JSON NOT NULL, 
	registered_at DATETIME NOT NULL, 
	deployed_at DATETIME, tags JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_model_versions PRIMARY KEY (id), 
	CONSTRAINT ck_model_versions_status CHECK (status IN ('TRAINING', 'READY', 'DEPLOYED', 'ARCHIVED', 'FAILED')), 
	CONSTRAINT fk_model_versions_artifact_id FOREIGN KEY(artifact_id) REFERENCES artifacts (id), 
	CONSTRAINT fk_model_versions_job_ref FOREIGN KEY(job_ref) REFERENCES jobs (id), 
	CONSTRAINT fk_model_versions_model_name FOREIGN KEY(model_name) REFERENCES models (name), 
	CONSTRAINT uq_model_versions_model_name_version UNIQUE (model_name, version)
);
INSERT INTO "model_versions" VALUES(1,'orders',1,'{home}/base-model','ftjob-83082888ba024e29a37ae000','ftjob-83082888ba024e29a37ae000',NULL,11,0.5,0.0,'ARCHIVED',NULL,NULL,'{"team": "support"}','2026-11-26 22:01:45.504238','2026-11-26 22:01:45.508907','{}');
INSERT INTO "model_versions" VALUES(2,'orders',2,'{home}/base-model','ftjob-83082888ba024e29a37ae000','ftjob-83082888ba024e29a37ae000',NULL,11,0.75,0.0,'DEPLOYED',NULL,NULL,'{"team": "support"}','2026-11-26 22:01:45.506947','2026-11-26 22:01:45.510159','{"ticket": "SUP-1"}');
CREATE TABLE models (
	name VARCHAR(200) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_models PRIMARY KEY (name)
);
INSERT INTO "models" VALUES('orders','2026-11-26 22:01:45.503810');
CREATE TABLE "preferences" (
	id INTEGER NOT NULL, 
	example_id VARCHAR(80) NOT NULL, 
	prompt TEXT NOT NULL, 
	chosen TEXT NOT NULL, 
	rejected TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	chosen_id VARCHAR(80), 
	CONSTRAINT pk_preferences PRIMARY KEY (id), 
	CONSTRAINT uq_preferences_example_id_chosen UNIQUE (example_id, chosen), 
	CONSTRAINT fk_preferences_example_id FOREIGN KEY(example_id) REFERENCES examples (id), 
	CONSTRAINT fk_preferences_chosen_id FOREIGN KEY(chosen_id) REFERENCES examples (id)
);
INSERT INTO "preferences" VALUES(1,'sha256:fcf6eb9e4b81098a91039816fc560c9d549b39d3109b982c1dcd1762df077617','Where is order 2, please?','Order 2 left the warehouse on Monday.','Order 2 is on its way.','2026-11-26 22:01:31.213894','sha256:13db99ab992ae3c982af935861dd2f760602782425a2f5ccff798241f6f2cbfe');
CREATE TABLE registry_changes (
	id INTEGER NOT NULL, 
	model_name VARCHAR(200) NOT NULL, 
	version INTEGER, 
	kind VARCHAR(20) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	actor VARCHAR(200) NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_registry_changes PRIMARY KEY (id), 
	CONSTRAINT ck_registry_changes_kind CHECK (kind IN ('alias', 'tag', 'accuracy')), 
	CONSTRAINT fk_registry_changes_model_name FOREIGN KEY(model_name) REFERENCES models (name)
);
INSERT INTO "registry_changes" VALUES(1,'orders',NULL,'alias','champion',NULL,'2','root','set by hand','2026-11-26 22:01:45.512743');
INSERT INTO "registry_changes" VALUES(2,'orders',2,'tag','ticket',NULL,'SUP-1','root','set by hand','2026-11-26 22:01:45.514034');
CREATE TABLE relocations (
	id VARCHAR(80) NOT NULL, 
	model_name VARCHAR(200) NOT NULL, 
	version INTEGER NOT NULL, 
	base_model TEXT NOT NULL, 
	provider VARCHAR(200) NOT NULL, 
	done JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_relocations PRIMARY KEY (id)
);
CREATE TABLE review_claims (
	example_id VARCHAR(80) NOT NULL, 
	reviewer VARCHAR(200) NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_review_claims PRIMARY KEY (example_id), 
	CONSTRAINT fk_review_claims_example_id FOREIGN KEY(example_id) REFERENCES examples (id)
);
CREATE TABLE reviews (
	id INTEGER NOT NULL, 
	example_id VARCHAR(80) NOT NULL, 
	reviewer VARCHAR(200) NOT NULL, 
	rating INTEGER NOT NULL, 
	corrected_id VARCHAR(80), 
	rating_before INTEGER NOT NULL, 
	judged_before BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	undone_at DATETIME, 
	CONSTRAINT pk_reviews PRIMARY KEY (id), 
	CONSTRAINT ck_reviews_ck_reviews_rating_1_to_5 CHECK (rating BETWEEN 1 AND 5), 
	CONSTRAINT fk_reviews_example_id FOREIGN KEY(example_id) REFERENCES examples (id)
);
CREATE TABLE "samples" (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(200) NOT NULL, 
	arm VARCHAR(10) NOT NULL, 
	ordinal INTEGER, 
	prediction TEXT, 
	reference TEXT, 
	latency_ms FLOAT, 
	cost FLOAT, 
	metadata JSON NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	sample_id VARCHAR(200), 
	cluster_id VARCHAR(200), 
	score FLOAT, 
	error TEXT, 
	covariate FLOAT, 
	measures JSON, 
	CONSTRAINT pk_samples PRIMARY KEY (id), 
	CONSTRAINT uq_samples_experiment_id_sample_id_arm UNIQUE (experiment_id, sample_id, arm), 
	CONSTRAINT fk_samples_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT ck_samples_ck_samples_arm CHECK (arm IN ('model_a', 'model_b')), 
	CONSTRAINT uq_samples_experiment_id_arm_ordinal UNIQUE (experiment_id, arm, ordinal)
);
INSERT INTO "samples" VALUES(1,'concluded','model_a',1,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.522074',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(2,'concluded','model_b',1,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.524017',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(3,'concluded','model_a',2,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.525232',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(4,'concluded','model_b',2,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.525933',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(5,'concluded','model_a',3,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.526735',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(6,'concluded','model_b',3,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.527269',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(7,'concluded','model_a',4,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.527940',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(8,'concluded','model_b',4,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.528425',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(9,'concluded','model_a',5,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.529041',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(10,'concluded','model_b',5,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.529475',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(11,'concluded','model_a',6,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.530080',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(12,'concluded','model_b',6,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.530592',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(13,'concluded','model_a',7,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.531280',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(14,'concluded','model_b',7,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.531760',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(15,'concluded','model_a',8,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.532392',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(16,'concluded','model_b',8,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.532824',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(17,'concluded','model_a',9,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.533446',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(18,'concluded','model_b',9,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.533882',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(19,'concluded','model_a',10,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.534464',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(20,'concluded','model_b',10,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.535062',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(21,'concluded','model_a',11,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.535858',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(22,'concluded','model_b',11,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.536578',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(23,'concluded','model_a',12,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.537241',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(24,'concluded','model_b',12,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.537694',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(25,'concluded','model_a',13,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.538302',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(26,'concluded','model_b',13,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.538871',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(27,'concluded','model_a',14,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.539549',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(28,'concluded','model_b',14,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.540028',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(29,'concluded','model_a',15,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.540686',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(30,'concluded','model_b',15,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.541140',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(31,'concluded','model_a',16,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.541762',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(32,'concluded','model_b',16,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.542217',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(33,'concluded','model_a',17,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.542985',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(34,'concluded','model_b',17,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.543491',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(35,'concluded','model_a',18,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.544151',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(36,'concluded','model_b',18,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.544643',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(37,'concluded','model_a',19,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.545368',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(38,'concluded','model_b',19,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.545887',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(39,'concluded','model_a',20,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.546642',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(40,'concluded','model_b',20,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.547182',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(41,'concluded','model_a',21,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.547827',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(42,'concluded','model_b',21,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.548277',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(43,'concluded','model_a',22,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.548891',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(44,'concluded','model_b',22,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.549364',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(45,'concluded','model_a',23,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.549766',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(46,'concluded','model_b',23,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.550232',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(47,'concluded','model_a',24,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.551024',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(48,'concluded','model_b',24,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.551531',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(49,'concluded','model_a',25,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.551964',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(50,'concluded','model_b',25,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.552406',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(51,'concluded','model_a',26,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.553303',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(52,'concluded','model_b',26,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.553824',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(53,'concluded','model_a',27,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.554239',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(54,'concluded','model_b',27,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.554826',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(55,'concluded','model_a',28,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.555716',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(56,'concluded','model_b',28,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.556378',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(57,'concluded','model_a',29,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.556916',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(58,'concluded','model_b',29,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.557407',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(59,'concluded','model_a',30,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.558060',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(60,'concluded','model_b',30,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.558610',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(61,'concluded','model_a',31,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.559097',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(62,'concluded','model_b',31,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.559565',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(63,'concluded','model_a',32,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.560272',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(64,'concluded','model_b',32,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.560755',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(65,'concluded','model_a',33,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.561167',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(66,'concluded','model_b',33,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.561606',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(67,'concluded','model_a',34,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.562255',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(68,'concluded','model_b',34,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.562837',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(69,'concluded','model_a',35,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.563295',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(70,'concluded','model_b',35,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.563771',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(71,'concluded','model_a',36,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.564429',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(72,'concluded','model_b',36,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.564887',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(73,'concluded','model_a',37,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.565385',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(74,'concluded','model_b',37,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.565919',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(75,'concluded','model_a',38,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.566719',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(76,'concluded','model_b',38,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.567252',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(77,'concluded','model_a',39,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.567679',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(78,'concluded','model_b',39,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.568161',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(79,'concluded','model_a',40,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.568844',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(80,'concluded','model_b',40,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.569311',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(81,'running','model_a',1,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.571194',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(82,'running','model_b',1,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.571704',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(83,'running','model_a',2,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.572370',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(84,'running','model_b',2,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.572828',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(85,'running','model_a',3,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.573448',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(86,'running','model_b',3,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.573890',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(87,'running','model_a',4,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.574575',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(88,'running','model_b',4,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.575116',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(89,'running','model_a',5,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.575888',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(90,'running','model_b',5,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.576359',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(91,'running','model_a',6,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.577265',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(92,'running','model_b',6,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.577706',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(93,'running','model_a',7,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.578311',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(94,'running','model_b',7,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.578886',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(95,'running','model_a',8,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.579542',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(96,'running','model_b',8,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.579979',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(97,'running','model_a',9,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.580568',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(98,'running','model_b',9,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.580994',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(99,'running','model_a',10,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.581585',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(100,'running','model_b',10,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.582024',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(101,'running','model_a',11,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.582741',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(102,'running','model_b',11,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.583255',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(103,'running','model_a',12,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.583961',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(104,'running','model_b',12,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.584445',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(105,'running','model_a',13,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.585102',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(106,'running','model_b',13,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.585713',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(107,'running','model_a',14,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.586413',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(108,'running','model_b',14,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.587051',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(109,'running','model_a',15,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.587729',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(110,'running','model_b',15,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.588192',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(111,'running','model_a',16,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.588798',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(112,'running','model_b',16,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.589251',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(113,'running','model_a',17,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.589860',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(114,'running','model_b',17,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.590337',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(115,'running','model_a',18,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.591157',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(116,'running','model_b',18,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.591646',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(117,'running','model_a',19,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.592301',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(118,'running','model_b',19,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.592792',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(119,'running','model_a',20,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.593452',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(120,'running','model_b',20,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.593920',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(121,'running','model_a',21,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.594636',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(122,'running','model_b',21,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.595167',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(123,'running','model_a',22,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.595937',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(124,'running','model_b',22,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.596431',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(125,'running','model_a',23,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.597130',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(126,'running','model_b',23,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.597605',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(127,'running','model_a',24,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.598281',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(128,'running','model_b',24,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.598890',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(129,'running','model_a',25,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.599327',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(130,'running','model_b',25,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.599774',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(131,'running','model_a',26,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.600401',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(132,'running','model_b',26,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.600851',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(133,'running','model_a',27,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.601259',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(134,'running','model_b',27,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.601699',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(135,'running','model_a',28,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.602331',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(136,'running','model_b',28,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.603058',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(137,'running','model_a',29,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.603550',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(138,'running','model_b',29,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.604048',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(139,'running','model_a',30,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.604778',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(140,'running','model_b',30,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.609669',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(141,'running','model_a',31,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.610240',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(142,'running','model_b',31,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.610805',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(143,'running','model_a',32,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.611472',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(144,'running','model_b',32,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.611924',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(145,'running','model_a',33,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.612317',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(146,'running','model_b',33,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.623149',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(147,'running','model_a',34,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.627092',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(148,'running','model_b',34,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.627651',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(149,'running','model_a',35,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.628098',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(150,'running','model_b',35,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.628548',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(151,'running','model_a',36,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.629227',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(152,'running','model_b',36,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.629668',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(153,'running','model_a',37,'yes','yes',20.0,0.002,'{}','2026-11-26 22:01:45.630052',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(154,'running','model_b',37,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.630488',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(155,'running','model_a',38,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.631328',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(156,'running','model_b',38,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.631824',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(157,'running','model_a',39,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.632242',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(158,'running','model_b',39,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.632675',NULL,NULL,1.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(159,'running','model_a',40,'no','yes',20.0,0.002,'{}','2026-11-26 22:01:45.633295',NULL,NULL,0.0,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(160,'running','model_b',40,'yes','yes',10.0,0.001,'{}','2026-11-26 22:01:45.633734',NULL,NULL,1.0,NULL,NULL,NULL);
CREATE TABLE tasks (
	id INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	fine_tuned_model_id VARCHAR(255), 
	model_accuracy FLOAT, 
	details JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_tasks PRIMARY KEY (id)
);
CREATE TABLE upload_parts (
	id VARCHAR(80) NOT NULL, 
	upload_id VARCHAR(80) NOT NULL, 
	bytes INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_upload_parts PRIMARY KEY (id), 
	CONSTRAINT fk_upload_parts_upload_id FOREIGN KEY(upload_id) REFERENCES uploads (id)
);
CREATE TABLE uploads (
	id VARCHAR(80) NOT NULL, 
	project VARCHAR(80) NOT NULL, 
	filename TEXT NOT NULL, 
	purpose VARCHAR(40) NOT NULL, 
	mime_type VARCHAR(200) NOT NULL, 
	bytes INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	file_expires_after INTEGER, 
	file_id VARCHAR(80), 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_uploads PRIMARY KEY (id), 
	CONSTRAINT ck_uploads_ck_uploads_status CHECK (status IN ('pending', 'completed', 'cancelled', 'expired')), 
	CONSTRAINT fk_uploads_file_id FOREIGN KEY(file_id) REFERENCES files (id)
);
CREATE INDEX ix_datasets_content_hash ON datasets (content_hash);
CREATE INDEX ix_examples_captured_at ON examples (captured_at);
CREATE INDEX ix_examples_domain_rating ON examples (domain, rating);
CREATE INDEX ix_files_provider_file_id ON files (provider_file_id);
CREATE INDEX ix_jobs_provider_job_id ON jobs (provider_job_id);
CREATE INDEX ix_jobs_status_created_at ON jobs (status, created_at);
CREATE INDEX ix_artifacts_job_id ON artifacts (job_id);
CREATE INDEX ix_job_events_job_id_id ON job_events (job_id, id);
CREATE UNIQUE INDEX uq_model_versions_one_deployed ON model_versions (model_name) WHERE status = 'DEPLOYED';
CREATE INDEX ix_deployment_events_model_version_id ON deployment_events (model_version_id);
CREATE INDEX ix_evaluations_model_name_created_at ON evaluations (model_name, created_at);
CREATE INDEX ix_files_project_created_at ON files (project, created_at);
CREATE INDEX ix_jobs_project_created_at ON jobs (project, created_at);
CREATE INDEX ix_upload_parts_upload_id ON upload_parts (upload_id);
CREATE INDEX ix_completions_project_created_at ON completions (project, created_at);
CREATE INDEX ix_experiments_layer ON experiments (layer);
CREATE INDEX ix_experiment_decisions_experiment_id ON experiment_decisions (experiment_id);
CREATE INDEX ix_registry_changes_model_name ON registry_changes (model_name);
CREATE INDEX ix_cost_events_kind_model_name ON cost_events (kind, model_name);
CREATE UNIQUE INDEX uq_cost_events_one_per_training_job ON cost_events (job_id) WHERE kind = 'training';
CREATE TRIGGER deployment_events_no_update BEFORE UPDATE ON deployment_events BEGIN SELECT RAISE(ABORT, 'deployment_events is a history: rows are only added'); END;
CREATE TRIGGER deployment_events_no_delete BEFORE DELETE ON deployment_events BEGIN SELECT RAISE(ABORT, 'deployment_events is a history: rows are only added'); END;
CREATE TRIGGER registry_changes_no_update BEFORE UPDATE ON registry_changes BEGIN SELECT RAISE(ABORT, 'registry_changes is a history: rows are only added'); END;
CREATE TRIGGER registry_changes_no_delete BEFORE DELETE ON registry_changes BEGIN SELECT RAISE(ABORT, 'registry_changes is a history: rows are only added'); END;
CREATE TRIGGER experiment_decisions_no_update BEFORE UPDATE ON experiment_decisions BEGIN SELECT RAISE(ABORT, 'experiment_decisions is a history: rows are only added'); END;
CREATE TRIGGER experiment_decisions_no_delete BEFORE DELETE ON experiment_decisions BEGIN SELECT RAISE(ABORT, 'experiment_decisions is a history: rows are only added'); END;
CREATE INDEX ix_exports_model_version_id ON exports (model_version_id);
CREATE INDEX ix_exports_job_id ON exports (job_id);
CREATE TRIGGER deployment_events_no_replace BEFORE INSERT ON deployment_events WHEN EXISTS (SELECT 1 FROM deployment_events WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'deployment_events is a history: rows are only added'); END;
CREATE TRIGGER registry_changes_no_replace BEFORE INSERT ON registry_changes WHEN EXISTS (SELECT 1 FROM registry_changes WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'registry_changes is a history: rows are only added'); END;
CREATE TRIGGER experiment_decisions_no_replace BEFORE INSERT ON experiment_decisions WHEN EXISTS (SELECT 1 FROM experiment_decisions WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'experiment_decisions is a history: rows are only added'); END;
CREATE INDEX ix_examples_waiting ON examples (captured_at, id) WHERE judged IS 0;
CREATE INDEX ix_reviews_example_id ON reviews (example_id);
CREATE INDEX ix_reviews_reviewer_id ON reviews (reviewer, id);
CREATE INDEX ix_examples_waiting_kind ON examples (domain, model_used) WHERE judged IS 0;
COMMIT;
